package org.cxredge.app.runtime

import org.cxredge.core.Refusal
import org.cxredge.core.bundle.Artifact
import org.cxredge.core.film.InputSpec
import org.cxredge.core.model.ModelRunner
import org.cxredge.core.model.ModelRuntime
import org.pytorch.executorch.EValue
import org.pytorch.executorch.Module
import org.pytorch.executorch.Tensor
import java.io.File

/**
 * ExecuTorch with XNNPACK. The file is mapped, not read. The thread pool belongs to the process: the module loaded
 * last decides its size for all.
 */
class ExecuTorchRuntime(override val name: String) : ModelRuntime {
    override val target: String = "executorch"

    override fun open(model: File, artifact: Artifact, input: InputSpec, threads: Int): ModelRunner = try {
        val module = Module.load(model.path, Module.LOAD_MODE_MMAP, threads)
        module.loadMethod("forward")
        ExecuTorchRunner(module, input)
    } catch (error: RuntimeException) {
        throw refused(error)
    } catch (error: LinkageError) {
        throw refused(error)
    }

    private fun refused(cause: Throwable) =
        Refusal("RUNTIME-LOAD", "$name cannot load the model: ${cause.message}", "use a phone with 64-bit Arm", cause)
}

/** Outputs are positional, in the manifest's order. */
private class ExecuTorchRunner(private val module: Module, input: InputSpec) : ModelRunner {
    private val shape = longArrayOf(1, input.channels.toLong(), input.height.toLong(), input.width.toLong())

    /** Copies the outputs: they lie in memory that the next run uses again. */
    override fun run(image: FloatArray): List<FloatArray> =
        module.forward(EValue.from(Tensor.fromBlob(image, shape))).map { it.toTensor().dataAsFloatArray }

    override fun close() = module.close()
}
