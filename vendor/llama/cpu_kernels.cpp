// ggml asks its "extra buffer types" about every operation before it computes it itself. One of ours answers for
// products with quantised weights that lie in ordinary host memory, so the weights stay where and as they are:
// mapped from the file.

#include "cpu_kernels.h"

#include <exception>

#include "../../kernels/cpu/quant_gemm.h"
#include "ggml_cpu_internals.h"

namespace {

namespace kernels = rein::kernels;

// Rows that a thread takes at a time: few enough that no thread waits long for the last, many enough that
// asking for more costs nothing.
constexpr int64_t ROWS_AT_ONCE = 4 * kernels::PANEL_ROWS;

// The product that a tensor is; false where the kernels do not take it.
bool find_shape(const ggml_tensor * op, kernels::shape & shape) {
    if (op->op != GGML_OP_MUL_MAT) {
        return false;
    }
    const ggml_tensor * weights = op->src[0];
    const ggml_tensor * activations = op->src[1];
    if (!kernels::find_format(weights->type, shape.weights) || activations->type != GGML_TYPE_F32 ||
        op->type != GGML_TYPE_F32) {
        return false;
    }
    const bool is_matrix = weights->ne[2] == 1 && weights->ne[3] == 1 && activations->ne[2] == 1 &&
                           activations->ne[3] == 1 && activations->nb[0] == sizeof(float) &&
                           activations->nb[1] % sizeof(float) == 0 && op->nb[0] == sizeof(float) &&
                           weights->nb[0] == ggml_type_size(weights->type);
    if (!is_matrix || !weights->buffer || !ggml_backend_buffer_is_host(weights->buffer)) {
        return false;
    }
    shape.depth = weights->ne[0];
    shape.rows = weights->ne[1];
    shape.columns = activations->ne[1];
    return kernels::fits(shape);
}

class quant_gemm : public ggml::cpu::tensor_traits {
    bool work_size(int n_threads, const ggml_tensor * op, size_t & size) override {
        kernels::shape shape;
        if (!find_shape(op, shape)) {
            return false;
        }
        // Aligned by hand: ggml's work memory may begin anywhere.
        size = 64 + kernels::shared_bytes(shape) + n_threads * kernels::thread_bytes(shape);
        return true;
    }

    bool compute_forward(ggml_compute_params * params, ggml_tensor * op) override {
        kernels::shape shape;
        if (!find_shape(op, shape)) {
            return false;
        }
        const ggml_tensor * weights = op->src[0];
        const ggml_tensor * activations = op->src[1];
        auto * shared = reinterpret_cast<char *>((reinterpret_cast<uintptr_t>(params->wdata) + 63) & ~uintptr_t{63});
        char * scratch = shared + kernels::shared_bytes(shape) + params->ith * kernels::thread_bytes(shape);

        if (params->ith == 0) {
            ggml_threadpool_chunk_set(params->threadpool, params->nth);
        }
        kernels::pack_columns(shape, static_cast<const float *>(activations->data),
                              activations->nb[1] / sizeof(float), params->ith, params->nth, shared);
        ggml_barrier(params->threadpool);

        for (int64_t chunk = params->ith; chunk * ROWS_AT_ONCE < shape.rows;
             chunk = ggml_threadpool_chunk_add(params->threadpool, 1)) {
            const int64_t begin = chunk * ROWS_AT_ONCE;
            const int64_t end = begin + ROWS_AT_ONCE < shape.rows ? begin + ROWS_AT_ONCE : shape.rows;
            kernels::multiply_rows(shape, weights->data, weights->nb[1], begin, end, shared, scratch,
                                   static_cast<float *>(op->data), op->nb[1] / sizeof(float));
        }
        return true;
    }
};

// Holds no tensors: it is there to be asked.
class kernel_type : public ggml::cpu::extra_buffer_type {
    bool supports_op(ggml_backend_dev_t, const ggml_tensor *) override { return false; }

    ggml::cpu::tensor_traits * get_tensor_traits(const ggml_tensor * op) override {
        return op->op == GGML_OP_MUL_MAT ? &gemm_ : nullptr;
    }

    quant_gemm gemm_;
};

const char * name(ggml_backend_buffer_type_t) { return "rein"; }
ggml_backend_buffer_t no_buffer(ggml_backend_buffer_type_t, size_t) { return nullptr; }
size_t alignment(ggml_backend_buffer_type_t) { return 64; }

} // namespace

extern "C" bool rein_install_cpu_kernels(void) {
    if (!kernels::is_supported()) {
        return false;
    }
    try {
        static kernel_type type;
        static ggml_backend_buffer_type buffer_type = {
            {name, no_buffer, nullptr, alignment, nullptr, nullptr, nullptr, nullptr},
            ggml_backend_dev_by_type(GGML_BACKEND_DEVICE_TYPE_CPU),
            static_cast<ggml::cpu::extra_buffer_type *>(&type),
        };
        ggml_backend_cpu_get_extra_buffer_types().push_back(&buffer_type);
        return true;
    } catch (const std::exception &) {
        return false;
    }
}
