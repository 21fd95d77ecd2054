#!/bin/sh
# Says where it was installed and what to do next. The prefix below was written by the installer.
prefix="@PREFIX@"

echo "hello-gpu lives in $prefix"
if [ "${HELLO_GPU_ACTIVE:-}" = 1 ]; then
    echo "the environment is active"
else
    echo "the environment is not active: gpuenv run \"$prefix\" -- hello-gpu"
fi
if [ -r "$prefix/share/hello-gpu/saxpy.ptx" ]; then
    echo "the kernel is in $prefix/share/hello-gpu/saxpy.ptx"
else
    echo "the kernel is missing: gpuenv create hello-gpu" >&2
    exit 1
fi
echo "does the GPU compute? gpuenv probe \"$prefix\""
