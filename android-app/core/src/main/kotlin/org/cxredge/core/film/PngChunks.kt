package org.cxredge.core.film

import org.cxredge.core.Refusal
import java.util.zip.CRC32

internal const val PNG_SIGNATURE = "\u0089PNG\r\n\u001a\n"

/**
 * The chunks of a PNG file, each with its CRC checked, IEND present (PNG 3rd ed., 5.3). Positions are [data]'s.
 *
 * IHDR must come first and once, PLTE and tRNS before the image, and the image in one piece (5.6); a critical chunk
 * that is unknown may change what the image means (5.4). Refused by IMG-TRUNCATED, IMG-DAMAGED, and IMG-SIZE
 * beyond [MAX_CHUNKS].
 */
internal class PngChunks(val data: ByteArray) {
    /** One chunk's payload. */
    class Payload(val at: Int, val size: Int)

    var header = Payload(0, 0)
        private set
    var palette: Payload? = null
        private set
    var transparency: Payload? = null
        private set

    /** Of several the first. */
    var exif: Payload? = null
        private set
    var severalExif = false
        private set
    var animated = false
        private set

    // where the first IDAT chunk begins; 0 before one was met
    private var image = 0

    init {
        var at = PNG_SIGNATURE.length
        var before = ""
        var name = ""
        var count = 0
        while (name != "IEND") {
            if (at + 8 > data.size) throw truncated()
            val size = data.unsigned(at, 4)
            if (at + 12L + size > data.size) throw truncated()
            if (++count > MAX_CHUNKS) {
                throw Refusal(
                    "IMG-SIZE",
                    "the image: the PNG image has more than $MAX_CHUNKS chunks",
                    "save the film alone, without what was added to its file",
                )
            }
            name = String(data, at + 4, 4, Charsets.ISO_8859_1)
            check(at, size.toInt(), name)
            take(name, before, Payload(at + 8, size.toInt()))
            if (name == "IDAT" && image == 0) image = at
            before = name
            at += 12 + size.toInt()
        }
        if (image == 0) throw damaged("it has no image in it")
    }

    /**
     * The image's data: the IDAT chunk behind [previous], the first where that is null; null behind the last. They are
     * found anew, not kept: a file may hold many.
     */
    fun image(previous: Payload?): Payload? {
        val at = if (previous == null) image else previous.at + previous.size + 4
        return if (data.startsWith("IDAT", at + 4)) Payload(at + 8, data.unsigned(at, 4).toInt()) else null
    }

    private fun check(at: Int, size: Int, name: String) {
        val crc = CRC32()
        crc.update(data, at + 4, 4 + size)
        if (crc.value != data.unsigned(at + 8 + size, 4)) throw damaged("the checksum of its chunk $name is wrong")
        val known = name.all { it in 'a'..'z' || it in 'A'..'Z' || it in '0'..'9' || it == '_' }
        if (image == 0 && !known) throw damaged("one of its chunks has no name")
    }

    private fun take(name: String, before: String, payload: Payload) {
        if ((before == "") != (name == "IHDR")) throw damaged("its header is not its first chunk")
        when (name) {
            "IHDR" -> header = payload
            "PLTE" -> palette = once(name, palette, payload)
            "tRNS" -> transparency = once(name, transparency, payload)
            "eXIf" -> if (exif == null) exif = payload else severalExif = true
            "acTL" -> animated = true
            "IDAT" -> if (image != 0 && before != "IDAT") throw damaged("its image is in several pieces")
            "IEND" -> Unit
            else -> if (name[0] in 'A'..'Z') throw damaged("its chunk $name is critical and unknown")
        }
    }

    private fun once(name: String, earlier: Payload?, payload: Payload): Payload {
        if (earlier != null || image != 0) throw damaged("its chunk $name stands twice, or behind the image")
        return payload
    }
}
