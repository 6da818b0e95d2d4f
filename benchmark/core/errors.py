"""Errors that say where, what was found, what was expected and what to do."""


class MixSegError(Exception):
    """An error made by the input, told to the user in one line.

    Args:
        where: the file, row, key or command at fault.
        found: what was found there.
        expected: what should have been there.
        do: one sentence on what to do now.
    """

    def __init__(self, where: object, found: str, expected: str, do: str) -> None:
        self.where = str(where)
        self.problem = f"{where}: {found}, expected {expected}."
        super().__init__(f"{self.problem} {do}")


class MethodError(MixSegError):
    """A method's folder, card, output or gradient breaks the contract."""


class CatalogError(MixSegError):
    """The catalog of datasets, or a name looked up in it, is wrong."""


class ShapeError(MixSegError):
    """Two arrays that must agree in shape or type do not."""


class ScoreTableError(MixSegError):
    """A table of scores is not what it should be."""


class MissingDataError(MixSegError):
    """Data that a step needs is not on this machine."""


class StaleDataError(MixSegError):
    """Prepared data, or results, are of other data than params.yaml asks for."""


class ParamsError(MixSegError):
    """params.yaml, or a name looked up in it, is wrong."""


class ImageError(MixSegError):
    """An image or a mask cannot be used as it is."""


class DownloadError(MixSegError):
    """A download or an archive cannot be trusted or finished."""


class StoreError(MixSegError):
    """A file of the run store is broken, or held by another process."""


class TrainingError(MixSegError):
    """Training cannot go on."""


class NoPartError(MixSegError):
    """What is asked of a method does not apply to it: no fault, but a reason to leave it out."""

    def __init__(self, where: object, found: str, expected: str, do: str) -> None:
        super().__init__(where, found, expected, do)
        self.reason = found
