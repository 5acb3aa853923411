package org.cxredge.app.words

import android.content.res.Resources
import org.cxredge.app.R
import org.cxredge.app.session.Checked
import org.cxredge.app.session.Step
import org.cxredge.app.session.Verdict
import org.cxredge.core.selftest.SelfTestResult
import org.cxredge.core.selftest.Stage

enum class Tone { PLAIN, GOOD, WARNING, BAD }

/** The verdict in words. [detail] is for whoever helps; [code] only where something was refused. */
class VerdictWords(val tone: Tone, val title: String, val text: String, val detail: String, val code: String?) {
    companion object {
        fun of(verdict: Verdict, resources: Resources): VerdictWords = when (verdict) {
            Verdict.Unchecked -> checking(resources, Verdict.Checking(Step.BUNDLE))
            is Verdict.Checking -> checking(resources, verdict)
            is Verdict.Refused -> {
                val words = RefusalWords.of(verdict.refusal.code)
                VerdictWords(
                    Tone.BAD,
                    resources.getString(words.title),
                    "${resources.getString(R.string.refused_text)} ${resources.getString(words.advice)}",
                    "${resources.getString(R.string.code, verdict.refusal.code)}\n${verdict.refusal.reason}",
                    verdict.refusal.code,
                )
            }
            is Verdict.Failed -> failed(resources, verdict.checked)
            is Verdict.Passed -> {
                val model = verdict.checked.bundle.manifest.model
                VerdictWords(
                    Tone.GOOD,
                    resources.getString(R.string.passed),
                    resources.getString(R.string.passed_text, model.name, model.version.toString()),
                    stages(resources, verdict.checked.selfTest),
                    null,
                )
            }
        }

        private fun checking(resources: Resources, now: Verdict.Checking): VerdictWords {
            val step = when (now.step) {
                Step.BUNDLE -> resources.getString(R.string.step_bundle)
                Step.MODEL -> resources.getString(R.string.step_model)
                Step.SELF_TEST -> resources.getString(R.string.step_self_test, now.done, now.all)
            }
            val text = resources.getString(R.string.checking_text)
            return VerdictWords(Tone.PLAIN, resources.getString(R.string.checking), text, step, null)
        }

        private fun failed(resources: Resources, checked: Checked): VerdictWords {
            val stage = checked.selfTest.stages.firstOrNull { !it.passed }
            val detail = stage?.detail.orEmpty()
            return VerdictWords(
                Tone.BAD,
                resources.getString(R.string.failed),
                resources.getString(stage?.let { meaning(it.stage) } ?: R.string.refused_text),
                stages(resources, checked.selfTest) + if (detail.isEmpty()) "" else "\n$detail",
                null,
            )
        }

        /** What it means that [stage] failed, and what to do: a string resource. */
        fun meaning(stage: Stage): Int = when (stage) {
            Stage.PREPROCESSING -> R.string.failed_preprocessing
            Stage.RUNTIME -> R.string.failed_runtime
            Stage.DECISION -> R.string.failed_decision
        }

        private fun stages(resources: Resources, result: SelfTestResult): String =
            result.stages.joinToString("\n") { stage ->
                val name = when (stage.stage) {
                    Stage.PREPROCESSING -> R.string.stage_preprocessing
                    Stage.RUNTIME -> R.string.stage_runtime
                    Stage.DECISION -> R.string.stage_decision
                }
                val outcome = if (stage.passed) R.string.stage_passed else R.string.stage_failed
                resources.getString(outcome, resources.getString(name), stage.checks)
            }
    }
}
