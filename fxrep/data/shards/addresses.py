"""Reading whole files from paths and URLs."""

from __future__ import annotations

from fxrep.errors import DataError, MissingExtraError


def read_address(address: str) -> bytes:
    """All bytes of a path or of a URL that fsspec opens.

    Raises:
        DataError: it is not there or cannot be read.
        MissingExtraError: the URL needs a package that is not installed.
    """
    import fsspec

    try:
        with fsspec.open(address, "rb") as stream:
            data: bytes = stream.read()
    except FileNotFoundError as error:
        raise DataError(f"there is no {address}: fxrep data shard writes shards and their index") from error
    except ImportError as error:
        raise MissingExtraError(f"{address} needs a package that is not installed: {error}") from error
    # Each file system of fsspec has errors of its own, for the network, for rights and for names that are none.
    except Exception as error:
        raise DataError(f"{address} cannot be read: {str(error) or type(error).__name__}") from error
    return data
