package org.cxredge.app

import android.app.Activity
import android.content.Intent
import android.graphics.Bitmap
import android.graphics.Color
import android.net.Uri
import android.os.Bundle
import android.view.View
import android.view.ViewGroup
import android.widget.TextView
import org.cxredge.app.Screens.leave
import org.cxredge.app.Screens.open
import org.cxredge.app.Screens.text
import org.cxredge.app.TestApp.Companion.until
import org.cxredge.app.platform.AcceptedInPreferences
import org.cxredge.app.platform.BuiltInRuntime
import org.cxredge.app.platform.SharedFiles
import org.cxredge.app.session.FilmState
import org.cxredge.app.session.Verdict
import org.cxredge.app.view.find
import org.cxredge.core.bundle.Folder
import org.cxredge.core.bundle.ModelVersion
import org.cxredge.core.bundle.PinnedKey
import org.json.JSONObject
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertNotSame
import org.junit.Assert.assertTrue
import org.junit.Rule
import org.junit.Test
import org.junit.rules.TemporaryFolder
import org.junit.runner.RunWith
import org.robolectric.Robolectric
import org.robolectric.RobolectricTestRunner
import org.robolectric.Shadows.shadowOf
import org.robolectric.annotation.Config
import org.robolectric.annotation.GraphicsMode
import java.awt.image.DataBuffer
import java.awt.image.Raster
import java.io.ByteArrayOutputStream
import java.io.File
import java.io.InputStream
import java.security.KeyPairGenerator
import java.security.spec.ECGenParameterSpec
import java.util.Base64
import java.util.concurrent.CountDownLatch
import java.util.concurrent.atomic.AtomicInteger
import javax.imageio.IIOImage
import javax.imageio.ImageIO

/** From the packaged bundle to what is on the screen, with real signatures, films and inference. */
@RunWith(RobolectricTestRunner::class)
@Config(sdk = [35], application = TestApp::class, qualifiers = "w411dp-h731dp-xhdpi")
@GraphicsMode(GraphicsMode.Mode.NATIVE)
class FlowTest {
    @get:Rule
    val temporary = TemporaryFolder()

    private val app get() = TestApp.get()
    private val session get() = app.session
    private val film = Fixtures.films.first { it.name == "phantom-test-0000-0.png" }

    @Test
    fun aTapOnAFindingShowsItsHeatmap() {
        val activity = open(Uri.fromFile(film)).get()
        until { session.state.film is FilmState.Done }
        val rows = activity.find<ViewGroup>(R.id.findings)
        val second = rows.getChildAt(1)
        val heat = activity.find<TextView>(R.id.heat)
        val before = heat.text.toString()
        second.performClick()
        assertTrue(second.isSelected)
        assertFalse(rows.getChildAt(0).isSelected)
        assertTrue(heat.text.contains(second.find<TextView>(R.id.label).text))
        assertNotSame(before, heat.text.toString())
    }

    @Test
    fun aTurnedScreenFindsTheFilmAgain() {
        val turned = CountDownLatch(1)
        val readings = AtomicInteger()
        val controller = open(
            film {
                readings.incrementAndGet()
                turned.await()
                film.inputStream()
            },
        )
        until { readings.get() == 1 }
        controller.recreate()
        turned.countDown()
        until { session.state.film is FilmState.Done }
        assertEquals(View.VISIBLE, controller.get().find<View>(R.id.result).visibility)
        controller.recreate()
        assertEquals(View.VISIBLE, controller.get().find<View>(R.id.result).visibility)
        assertEquals(1, readings.get())
    }

    @Test
    fun whatIsLeftIsForgotten() {
        val opened = CountDownLatch(1)
        val left = CountDownLatch(1)
        val controller = open(
            film {
                opened.countDown()
                left.await()
                film.inputStream()
            },
        )
        until { opened.count == 0L }
        leave(controller)
        assertEquals(FilmState.None, session.state.film)
        left.countDown()
        val other = Fixtures.films.first { it != film }
        open(Uri.fromFile(other))
        until { session.state.film is FilmState.Done }
        assertEquals(Uri.fromFile(other).toString(), (session.state.film as FilmState.Done).request.address)
    }

    @Test
    fun afterTheProcessDiedTheFilmIsAnalysedAgain() {
        val saved = Bundle()
        val before = open(Uri.fromFile(Fixtures.refused("colour.png")))
        until { session.state.film is FilmState.Refused }
        before.get().find<View>(R.id.convert).performClick()
        until { session.state.film is FilmState.Done }
        before.pause().stop().saveInstanceState(saved)
        app.die()
        assertEquals(Verdict.Unchecked, session.state.verdict)
        val after = Robolectric.buildActivity(FilmActivity::class.java, before.intent).setup(saved)
        assertTrue(session.state.film is FilmState.Waiting)
        until { session.state.film is FilmState.Done }
        assertTrue(text(after.get().find(R.id.notices)).contains(app.getString(R.string.greyed_title)))
    }

    @Test
    fun aFilmOfAnotherKindIsAnalysedOnlyWhenAskedForAndNamed() {
        Screens.use(Fixtures.classes)
        val codes = mapOf("mr.dcm" to R.string.modality_title, "no-modality.dcm" to R.string.modality_title)
        for ((name, title) in codes) {
            val controller = open(Uri.fromFile(File(Fixtures.kinds.films, name)))
            val activity = controller.get()
            until { session.state.film is FilmState.Refused }
            val notices = text(activity.find(R.id.notices))
            for (said in listOf(title, R.string.other_kind_advice, R.string.go_on_text)) {
                assertTrue("$name: $notices", app.getString(said) in notices)
            }
            assertTrue(notices, "IMG-MODALITY" in notices && "this model takes CR, DX" in notices)
            assertEquals(View.VISIBLE, activity.find<View>(R.id.go_on).visibility)
            assertEquals(View.GONE, activity.find<View>(R.id.convert).visibility)
            activity.find<View>(R.id.go_on).performClick()
            until { session.state.film is FilmState.Done }
            assertEquals(View.GONE, activity.find<View>(R.id.go_on).visibility)
            OnScreen(activity, Fixtures.kinds.predictions.getValue(name), name).check()
            val log = Robolectric.buildActivity(LogActivity::class.java).setup().get()
            val shared = log.find<TextView>(R.id.log).text.toString()
            assertTrue(shared, "IMG-MODALITY" in shared)
            for (private in listOf("MR", "LL", "KNEE", name)) assertFalse(private, "\"$private" in shared)
            leave(controller)
        }
    }

    @Test
    fun aFilmOfAnotherKindInColourIsAskedForTwice() {
        Screens.use(Fixtures.classes)
        val activity = open(Uri.fromFile(File(Fixtures.kinds.films.parentFile, "ultrasound.dcm"))).get()
        for ((code, button) in listOf("IMG-MODALITY" to R.id.go_on, "IMG-COLOUR" to R.id.convert)) {
            until { (session.state.film as? FilmState.Refused)?.refusal?.code == code }
            val others = listOf(R.id.go_on, R.id.convert) - button
            assertEquals(View.VISIBLE, activity.find<View>(button).visibility)
            assertTrue(code, others.all { activity.find<View>(it).visibility == View.GONE })
            activity.find<View>(button).performClick()
        }
        until { session.state.film is FilmState.Done }
        val notices = text(activity.find(R.id.notices))
        assertTrue(notices, "modality US" in notices && app.getString(R.string.greyed_title) in notices)
    }

    @Test
    fun aFilmThatSaysNoKindIsNotOffered() {
        Screens.use(Fixtures.classes)
        val activity = open(Uri.fromFile(film)).get()
        until { session.state.film is FilmState.Done }
        assertEquals(View.GONE, activity.find<View>(R.id.go_on).visibility)
        assertFalse(text(activity.find(R.id.notices)).contains(app.getString(R.string.other_kind_title)))
    }

    @Test
    fun goingOnOutlivesTheProcess() {
        Screens.use(Fixtures.classes)
        val saved = Bundle()
        val before = open(Uri.fromFile(File(Fixtures.kinds.films, "mr.dcm")))
        until { session.state.film is FilmState.Refused }
        before.get().find<View>(R.id.go_on).performClick()
        until { session.state.film is FilmState.Done }
        before.pause().stop().saveInstanceState(saved)
        app.die()
        val after = Robolectric.buildActivity(FilmActivity::class.java, before.intent).setup(saved)
        until { session.state.film is FilmState.Done }
        assertTrue(text(after.get().find(R.id.notices)).contains("modality MR, view LL"))
    }

    @Test
    fun aFilmThatIsGoneIsToBeChosenAgain() {
        val activity = open(film { throw SecurityException("no grant") }).get()
        until { session.state.film is FilmState.Refused }
        assertTrue(text(activity.find(R.id.notices)).contains(app.getString(R.string.access_advice)))
        assertTrue(text(activity.find(R.id.notices)).contains("FILM-ACCESS"))
    }

    @Test
    fun whatIsNoFilmIsRefusedByName() {
        val codes = mapOf(
            write("text.png", "not a picture".toByteArray()) to "IMG-FORMAT",
            Fixtures.refused("animated.png") to "IMG-MULTIFRAME",
            Fixtures.refused("cut.png") to "IMG-TRUNCATED",
            Fixtures.refused("huge.png") to "IMG-SIZE",
            Fixtures.refused("orientation-9.jpg") to "IMG-ORIENTATION",
            write("cmyk.jpg", cmyk()) to "IMG-COLOUR",
            temporary.newFile("empty.png") to "IMG-TRUNCATED",
        )
        for ((file, code) in codes) {
            val controller = open(Uri.fromFile(file))
            until { session.state.film is FilmState.Refused || session.state.film is FilmState.Done }
            val notices = text(controller.get().find(R.id.notices))
            assertTrue("${file.name}: $notices", session.state.film is FilmState.Refused)
            assertTrue(file.name, notices.contains(code))
            assertEquals(View.GONE, controller.get().find<View>(R.id.result).visibility)
            leave(controller)
        }
    }

    @Test
    fun aFilmOfTwoPixelsIsShownAndOneOfOneIsNot() {
        fun film(vararg pixels: Int): File {
            val picture = Bitmap.createBitmap(pixels, pixels.size, 1, Bitmap.Config.ARGB_8888)
            val bytes = ByteArrayOutputStream()
            picture.compress(Bitmap.CompressFormat.PNG, 100, bytes)
            return write("${pixels.size}.png", bytes.toByteArray())
        }

        val two = open(Uri.fromFile(film(Color.BLACK, Color.WHITE)))
        until { session.state.film is FilmState.Done }
        assertTrue(text(two.get().find(R.id.notices)).contains(app.getString(R.string.unlike_title)))
        leave(two)
        val one = open(Uri.fromFile(film(Color.GRAY)))
        until { session.state.film is FilmState.Refused }
        assertTrue(text(one.get().find(R.id.notices)).contains(app.getString(R.string.flat_title)))
    }

    @Test
    fun aChangedBundleIsRefused() {
        val copy = temporary.newFolder("bundle")
        Fixtures.findings.bundle.copyRecursively(copy, overwrite = true)
        val card = File(copy, "MODEL_CARD.md")
        card.writeBytes(card.readBytes().also { it[0] = (it[0].toInt() xor 1).toByte() })
        app.bundle = Folder(copy)
        assertRefused("SIGNATURE-HASH", R.string.signature_title)
    }

    @Test
    fun aKeyThatWasNotPinnedIsRefused() {
        val other = KeyPairGenerator.getInstance("EC").apply { initialize(ECGenParameterSpec("secp256r1")) }
        val encoder = Base64.getMimeEncoder(64, byteArrayOf('\n'.code.toByte()))
        val body = encoder.encodeToString(other.genKeyPair().public.encoded)
        app.keys = { listOf(PinnedKey.parse("other", "-----BEGIN PUBLIC KEY-----\n$body\n-----END PUBLIC KEY-----\n")) }
        assertRefused("SIGNATURE-KEY", R.string.untrusted_title)
    }

    @Test
    fun anOlderBundleIsRefused() {
        AcceptedInPreferences(app.getSharedPreferences("accepted", 0)).accept("phantom", ModelVersion.parse("9.0.0"))
        assertRefused("BUNDLE-ROLLBACK", R.string.rollback_title)
    }

    @Test
    fun aBundleOfTheFirstManifestIsRefused() {
        app.bundle = Fixtures.old.folder()
        assertRefused("MANIFEST-VERSION", R.string.version_title)
    }

    @Test
    fun withoutABundleTheScreenSaysHowToPackageOne() {
        app.bundle = Folder(temporary.newFolder("nothing"))
        assertRefused("BUNDLE-MISSING", R.string.bundle_missing_title)
    }

    @Test
    fun withoutStorageNothingRuns() {
        app.models = File("/proc/models") // a file system without a free byte
        assertRefused("STORAGE-LOW", R.string.storage_title)
        app.models = null
    }

    @Test
    fun anAppWithoutItsOwnRuntimeIsRefused() {
        // the APK's file of the runtime is made when it is packaged, and tests have no APK
        app.runtime = { BuiltInRuntime.read(app.assets) }
        assertRefused("RUNTIME-NONE", R.string.runtime_none_title)
    }

    @Test
    fun aFailedSelfTestBarsEveryFilm() {
        app.runtime = { OnnxRuntime(wrong = 3f) }
        val main = Robolectric.buildActivity(MainActivity::class.java).setup().get()
        until { session.state.verdict is Verdict.Failed }
        assertEquals(app.getString(R.string.failed_runtime), main.find<TextView>(R.id.verdict_text).text.toString())
        assertFalse(main.find<View>(R.id.pick).isEnabled)
        assertFalse(main.find<View>(R.id.photograph).isEnabled)
        val film = open(Uri.fromFile(film)).get()
        assertEquals(app.getString(R.string.not_analysed), film.find<TextView>(R.id.status).text.toString())
        assertTrue(session.state.film is FilmState.Waiting)
        val log = Robolectric.buildActivity(LogActivity::class.java).setup().get()
        assertTrue(log.find<View>(R.id.share).isEnabled)
    }

    @Test
    fun theLogIsSharedAsItIsShown() {
        val log = Robolectric.buildActivity(LogActivity::class.java).setup()
        assertFalse(log.get().find<View>(R.id.share).isEnabled)
        assertEquals(app.getString(R.string.log_waiting), log.get().find<TextView>(R.id.log).text.toString())
        until { session.state.verdict is Verdict.Passed }
        val shown = log.get().find<TextView>(R.id.log).text.toString()
        log.get().find<View>(R.id.share).performClick()
        val chooser = shadowOf(log.get()).nextStartedActivity
        val send = chooser.getParcelableExtra(Intent.EXTRA_INTENT, Intent::class.java)
        val stream = send?.getParcelableExtra(Intent.EXTRA_STREAM, Uri::class.java)
        assertEquals(SharedFiles.LOG, stream)
        assertEquals(shown, SharedFiles.log(app).readText())
        assertTrue(shown.contains("phantom-1.0.0"))
        assertFalse(shown.contains(film.name))
    }

    @Test
    fun aPhotographIsRemovedWithItsScreen() {
        val file = SharedFiles.photograph(app)
        shadowOf(app.contentResolver).registerInputStreamSupplier(SharedFiles.PHOTOGRAPH) { file.inputStream() }
        val main = Robolectric.buildActivity(MainActivity::class.java).setup()
        until { session.state.verdict is Verdict.Passed }
        main.get().find<View>(R.id.photograph).performClick()
        val camera = shadowOf(main.get()).nextStartedActivityForResult
        film.copyTo(file)
        shadowOf(main.get()).receiveResult(camera.intent, Activity.RESULT_OK, null)
        val next = shadowOf(main.get()).nextStartedActivity
        val controller = Robolectric.buildActivity(FilmActivity::class.java, next).setup()
        until { session.state.film is FilmState.Done }
        assertTrue(file.exists())
        leave(controller)
        assertFalse(file.exists())
    }

    private fun assertRefused(code: String, title: Int) {
        val main = Robolectric.buildActivity(MainActivity::class.java).setup().get()
        until { session.state.verdict is Verdict.Refused }
        assertEquals(code, (session.state.verdict as Verdict.Refused).refusal.code)
        assertEquals(app.getString(title), main.find<TextView>(R.id.verdict_title).text.toString())
        assertTrue(main.find<TextView>(R.id.verdict_detail).text.contains(code))
        assertFalse(main.find<View>(R.id.pick).isEnabled)
        val log = Robolectric.buildActivity(LogActivity::class.java).setup().get()
        assertTrue(log.find<View>(R.id.share).isEnabled)
        val logged = JSONObject(log.find<TextView>(R.id.log).text.toString())
        assertEquals(2, logged.getInt("field_log"))
        val refusal = logged.getJSONArray("refusals").getJSONObject(0)
        assertEquals("start" to code, refusal.getString("during") to refusal.getString("code"))
    }

    private fun film(open: () -> InputStream): Uri {
        val address = Uri.parse("content://films/1")
        shadowOf(app.contentResolver).registerInputStreamSupplier(address, open)
        return address
    }

    private fun write(name: String, bytes: ByteArray): File = temporary.newFile(name).apply { writeBytes(bytes) }

    /** A JPEG of four channels. */
    private fun cmyk(): ByteArray {
        val raster = Raster.createInterleavedRaster(DataBuffer.TYPE_BYTE, 32, 32, 4, null)
        val writer = ImageIO.getImageWritersByFormatName("jpeg").next()
        val bytes = ByteArrayOutputStream()
        ImageIO.createImageOutputStream(bytes).use { stream ->
            writer.output = stream
            writer.write(IIOImage(raster, null, null))
        }
        return bytes.toByteArray()
    }
}
