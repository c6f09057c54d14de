"""Is imported relatively."""


def fail() -> None:
    raise LookupError("on purpose")
