// Graphs as they are when they are submitted.
#pragma once

#include <algorithm>
#include <deque>
#include <iterator>
#include <unordered_map>

#include "../../../vendor/llama/ggml_backend_internals.h"

namespace stand_in {

// A graph as it is now. Who submits one may change it at once: CUDA has read all of it by then.
class graph_copy {
  public:
    explicit graph_copy(ggml_cgraph * graph) {
        const int n_nodes = ggml_graph_n_nodes(graph);
        const size_t size = static_cast<size_t>(n_nodes) + 1;
        context_ = ggml_init({ggml_graph_overhead_custom(size, false), nullptr, true});
        graph_ = ggml_new_graph_custom(context_, size, false);
        for (int i = 0; i < n_nodes; ++i) {
            copy(ggml_graph_node(graph, i));
        }
        for (int i = 0; i < n_nodes; ++i) {
            ggml_tensor * node = copies_.at(ggml_graph_node(graph, i));
            for (ggml_tensor *& source : node->src) {
                source = source_of(source);
            }
            node->view_src = source_of(node->view_src);
            ggml_graph_add_node(graph_, node);
        }
    }

    ~graph_copy() { ggml_free(context_); }

    graph_copy(const graph_copy &) = delete;
    graph_copy & operator=(const graph_copy &) = delete;

    ggml_cgraph * get() { return graph_; }

  private:
    // For the CPU backend, and for our kernels in it, this is memory like any other.
    static ggml_backend_buffer_t ordinary_memory() {
        alignas(64) static char some[64];
        static ggml_backend_buffer_t buffer = ggml_backend_cpu_buffer_from_ptr(some, sizeof some);
        return buffer;
    }

    ggml_tensor * copy(const ggml_tensor * tensor) {
        tensors_.push_back(*tensor);
        ggml_tensor * made = &tensors_.back();
        made->buffer = tensor->buffer ? ordinary_memory() : nullptr;
        copies_.emplace(tensor, made);
        return made;
    }

    // What a node reads; of a tensor that is no node nobody asks what it was computed from.
    ggml_tensor * source_of(const ggml_tensor * tensor) {
        if (!tensor) {
            return nullptr;
        }
        const auto found = copies_.find(tensor);
        if (found != copies_.end()) {
            return found->second;
        }
        ggml_tensor * made = copy(tensor);
        std::fill(std::begin(made->src), std::end(made->src), nullptr);
        made->view_src = nullptr;
        return made;
    }

    std::deque<ggml_tensor> tensors_;
    std::unordered_map<const ggml_tensor *, ggml_tensor *> copies_;
    ggml_context * context_;
    ggml_cgraph * graph_;
};

} // namespace stand_in
