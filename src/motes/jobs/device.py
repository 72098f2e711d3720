"""Where to compute."""

import torch

from motes.errors import InputError


def choose_device(
    name: str | None = None, threads: int | None = None, number: int | None = None
) -> torch.device:
    """The device of that name, by default a GPU where there is one; also sets the number of CPU threads.

    number: of the GPU, where several processes each take their own.
    """
    if threads is not None:
        if threads < 1:
            raise InputError(f"--threads must be at least 1, found {threads}")
        torch.set_num_threads(threads)
    if name is None:
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda" and number is not None:
        name = f"cuda:{number}"
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        first = str(error).splitlines()[0]
        raise InputError(
            f"--device {name} cannot be used here ({first}); `motes doctor` lists what can"
        ) from None
    return device
