"""TensorRT engines: build, keep, check and run, over `tensorrt` and `tensorrt_rtx` with the names they share."""
