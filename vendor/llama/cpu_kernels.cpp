// ggml asks its "extra buffer types" about every operation before it computes it itself. One of ours answers for
// products with quantised weights that lie in ordinary host memory, so the weights stay where and as they are:
// mapped from the file; and for attention over a KV cache of halves.

#include "cpu_kernels.h"

#include <cstring>
#include <exception>

#include "../../kernels/cpu/attention.h"
#include "../../kernels/cpu/quant_gemm.h"
#include "ggml_cpu_internals.h"

namespace {

namespace kernels = rein::kernels;

// ggml's work memory may begin anywhere; 64 bytes more leave room for this.
char * aligned(void * memory) {
    return reinterpret_cast<char *>((reinterpret_cast<uintptr_t>(memory) + 63) & ~uintptr_t{63});
}

bool is_on_host(const ggml_tensor * tensor) { return tensor->buffer && ggml_backend_buffer_is_host(tensor->buffer); }

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
    if (!is_matrix || !is_on_host(weights)) {
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
        char * shared = aligned(params->wdata);
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

// For a long prompt there is work enough for every thread without sharing tokens, and sharing takes much memory.
constexpr size_t MAX_SHARED = 16 << 20;

// The last of the parameters of an operation, which attention has no use for: where it is set the operation is ggml's.
constexpr size_t LEFT = GGML_MAX_OP_PARAMS / sizeof(int32_t) - 1;

// From so many tokens on ggml sums values in single precision, as the kernel does; below in half precision.
constexpr int64_t GGML_SUMS_SINGLE = 64;

// The attention that a tensor is; false where the kernel does not take it.
bool find_attention(const ggml_tensor * op, kernels::attention & a) {
    if (op->op != GGML_OP_FLASH_ATTN_EXT || op->op_params[LEFT]) {
        return false;
    }
    const ggml_tensor *q = op->src[0], *k = op->src[1], *v = op->src[2], *mask = op->src[3], *sinks = op->src[4];
    float params[3]; // scale, slope of a bias by distance, cap of the scores
    std::memcpy(params, op->op_params, sizeof params);
    if (!mask || sinks || params[1] != 0.0f || params[2] != 0.0f || q->type != GGML_TYPE_F32 ||
        k->type != GGML_TYPE_F16 || v->type != GGML_TYPE_F16 || mask->type != GGML_TYPE_F16) {
        return false;
    }
    const bool is_whole = q->nb[0] == sizeof(float) && op->nb[0] == sizeof(float) && k->nb[0] == 2 && v->nb[0] == 2 &&
                          mask->nb[0] == 2 && mask->ne[2] == 1 && k->ne[2] == v->ne[2] && k->ne[3] == q->ne[3] &&
                          (mask->ne[3] == 1 || mask->ne[3] == q->ne[3]);
    if (!is_whole || !is_on_host(k) || !is_on_host(v)) {
        return false;
    }
    a = {};
    a.key_size = k->ne[0], a.value_size = v->ne[0];
    a.tokens = q->ne[1], a.heads = q->ne[2], a.kv_heads = k->ne[2], a.cells = k->ne[1], a.sequences = q->ne[3];
    a.scale = params[0];
    a.max_shared = MAX_SHARED;
    a.queries = static_cast<const char *>(q->data);
    a.query_token = q->nb[1], a.query_head = q->nb[2], a.query_sequence = q->nb[3];
    a.keys = static_cast<const char *>(k->data);
    a.key_cell = k->nb[1], a.key_head = k->nb[2], a.key_sequence = k->nb[3];
    a.values = static_cast<const char *>(v->data);
    a.value_cell = v->nb[1], a.value_head = v->nb[2], a.value_sequence = v->nb[3];
    a.mask = static_cast<const char *>(mask->data);
    a.mask_token = mask->nb[1], a.mask_sequence = mask->ne[3] == 1 ? 0 : mask->nb[3];
    a.out = static_cast<char *>(op->data);
    a.out_head = op->nb[1], a.out_token = op->nb[2], a.out_sequence = op->nb[3];
    return kernels::fits(a);
}

class cached_attention : public ggml::cpu::tensor_traits {
    bool work_size(int n_threads, const ggml_tensor * op, size_t & size) override {
        kernels::attention a;
        if (!find_attention(op, a)) {
            return false;
        }
        size = 64 + kernels::shared_bytes(a) + n_threads * kernels::thread_bytes(a);
        return true;
    }

    bool compute_forward(ggml_compute_params * params, ggml_tensor * op) override {
        kernels::attention a;
        if (!find_attention(op, a)) {
            return false;
        }
        char * shared = aligned(params->wdata);
        char * scratch = shared + kernels::shared_bytes(a) + params->ith * kernels::thread_bytes(a);

        if (params->ith == 0) {
            ggml_threadpool_chunk_set(params->threadpool, params->nth);
        }
        ggml_barrier(params->threadpool);
        for (int64_t piece = params->ith; piece < kernels::pieces(a);
             piece = ggml_threadpool_chunk_add(params->threadpool, 1)) {
            kernels::attend(a, piece, shared, scratch);
        }
        ggml_barrier(params->threadpool);
        for (int64_t row = params->ith; row < kernels::rows_to_put_together(a); row += params->nth) {
            kernels::put_together(a, row, shared);
        }
        return true;
    }
};

// Holds no tensors: it is there to be asked.
class kernel_type : public ggml::cpu::extra_buffer_type {
    bool supports_op(ggml_backend_dev_t, const ggml_tensor *) override { return false; }

    ggml::cpu::tensor_traits * get_tensor_traits(const ggml_tensor * op) override {
        switch (op->op) {
            case GGML_OP_MUL_MAT: return &gemm_;
            case GGML_OP_FLASH_ATTN_EXT: return &attention_;
            default: return nullptr;
        }
    }

    quant_gemm gemm_;
    cached_attention attention_;
};

const char * name(ggml_backend_buffer_type_t) { return "rein"; }
ggml_backend_buffer_t no_buffer(ggml_backend_buffer_type_t, size_t) { return nullptr; }
size_t alignment(ggml_backend_buffer_type_t) { return 64; }

} // namespace

extern "C" bool rein_leave_attention(ggml_tensor * op, bool, void *) {
    if (op->op == GGML_OP_FLASH_ATTN_EXT) {
        op->op_params[LEFT] = op->src[0]->ne[1] < GGML_SUMS_SINGLE;
    }
    return false;
}

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
