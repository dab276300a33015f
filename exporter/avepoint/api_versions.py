"""Which generation of an endpoint answers: pinned by the configuration, or found by asking."""

from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Literal, TypeVar

from exporter.config.schema import ApiVersion
from exporter.errors import AvePointError, NotFoundError, NotOfferedError, TokenError

T = TypeVar("T")


class ApiVersions:
    """Remembers which generation answered; without an answer the modern one is asked first.

    A 404 means that the generation is not there, and so does a permission that was not granted: the generations
    have permissions of their own. What answered is asked alone until the next `begin`, so that a single customer's
    404 costs one call. Not everything is there in both.
    """

    def __init__(self, api: Literal["auto", "modern", "legacy"]) -> None:
        self._pinned: ApiVersion | None = None if api == "auto" else api
        self._answered: ApiVersion | None = None
        self._certain = False

    @property
    def allowed(self) -> tuple[ApiVersion, ...]:
        """The generations that may be asked, the one preferred in front."""
        return ("modern", "legacy") if self._pinned is None else (self._pinned,)

    @property
    def answered(self) -> ApiVersion | None:
        """The generation that answered last."""
        return self._answered

    def first(self, offered: Collection[ApiVersion]) -> ApiVersion:
        """Give the generation that is asked first; raises NotOfferedError."""
        return self._order(offered)[0]

    def begin(self) -> None:
        """Begin a refresh: the world may have changed since the last one."""
        self._certain = False

    async def ask(self, readers: Mapping[ApiVersion, Callable[[], Awaitable[T]]]) -> T:
        """Give what the first generation that is there answers; raises the first one's error if none is.

        Raises NotOfferedError, and asks nothing, where `readers` has none for the generation of the configuration.
        """
        failure: AvePointError | None = None
        for api_version in self._order(readers):
            try:
                result = await readers[api_version]()
            except NotFoundError as error:
                failure = failure or error
            except TokenError as error:
                if error.reason != "invalid_scope":
                    raise
                failure = failure or error
            else:
                # The first answer settles it: one customer for whom only the other generation is there changes nothing.
                if not self._certain:
                    self._answered, self._certain = api_version, True
                return result
        raise failure or AssertionError("no generation was asked")

    def _order(self, offered: Collection[ApiVersion]) -> tuple[ApiVersion, ...]:
        if self._pinned is not None:
            if self._pinned not in offered:
                raise NotOfferedError(f"the {self._pinned} endpoints do not have it")
            return self.allowed
        first = self._answered or "modern"
        if self._certain:
            return (first,)
        both: tuple[ApiVersion, ...] = (first, "legacy" if first == "modern" else "modern")
        return tuple(api_version for api_version in both if api_version in offered)
