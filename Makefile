# rein's commands. `make help` lists them. The work is done by scripts/, each with --help.

# Given on the command line only (make run PORT=9000): an environment often has a HOST of its own.
HOST = 127.0.0.1
PORT = 8888
MODEL =
ARGS =

.PHONY: help run test device-test fuzz bench lint cuda gpu-test gpu-bench

help:
	@echo 'make run     build, fetch the default model and serve it on http://$(HOST):$(PORT)'
	@echo '             (HOST=, PORT=, MODEL=file.gguf, ARGS="more of rein serve" change that)'
	@echo 'make test    every test: units, real models, documentation examples, clients, fuzzing'
	@echo '             (ARGS="stop::registry" chooses, in the words of cargo nextest run)'
	@echo 'make device-test  the tests of the engine on a device that is not the processor, without a GPU'
	@echo 'make fuzz    fuzzing, a minute for each target (ARGS="600 reasoning" chooses)'
	@echo 'make lint    format, clippy, licences, documentation'
	@echo 'make bench   rein and llama-server, one after the other, as a table of ratios'
	@echo '             (ARGS="--rounds 3" and more; see benches/compare.py --help)'
	@echo 'make cuda       build for NVIDIA GPUs (ARGS="--architectures 90" chooses; docs/gpu.md)'
	@echo 'make gpu-test   the tests on the GPU of this machine, as a table; says so where there is none'
	@echo 'make gpu-bench  rein and llama-server on the GPU, as a table of bounds'
	@echo 'The first build takes about 7 minutes on 2 cores: llama.cpp is compiled from source.'

run:
	@scripts/run.sh '$(MODEL)' --host '$(HOST)' --port '$(PORT)' $(ARGS)

test:
	@scripts/test.sh $(ARGS)

device-test:
	@scripts/device-test.sh $(ARGS)

fuzz:
	@scripts/fuzz.sh $(or $(ARGS),60)

lint:
	@scripts/lint.sh

bench:
	@scripts/bench.sh $(ARGS)

cuda:
	@scripts/cuda.sh $(ARGS)

gpu-test:
	@scripts/gpu-test.sh

gpu-bench:
	@scripts/gpu-bench.sh $(ARGS)
