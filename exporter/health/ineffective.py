"""Functions that find keys without effect in a valid configuration."""

from collections.abc import Iterator

from exporter.avepoint.reading.workload_labels import KNOWN_WORKLOADS, workload_label
from exporter.config.expectations import Expectations
from exporter.config.schema import Account, Config
from exporter.config.validation import InvalidKey, similar


def ineffective_keys(config: Config) -> Iterator[InvalidKey]:
    """Yield a warning for each key that has no effect, and for each unknown workload.

    An unknown workload is not an error, because AvePoint may have added the workload after the release of this version.
    """
    yield from _unknown_workloads(config.expectations, "expectations")
    for index, account in enumerate(config.accounts):
        yield from _replaced_urls(account, f"accounts[{index}]")
        if account.expectations.exceptions is not config.expectations.exceptions:  # not inherited
            yield from _unknown_workloads(account.expectations, f"accounts[{index}].expectations")
    if all(account.type == "tenant" for account in config.accounts):
        for index, exception in enumerate(config.expectations.exceptions):
            if exception.customers:
                message = "no account is a partner account; remove the exception"
                yield InvalidKey(f"expectations.exceptions[{index}].customers", message)


def _replaced_urls(account: Account, path: str) -> Iterator[InvalidKey]:
    if account.base_url is not None and account.data_center is not None:
        yield InvalidKey(f"{path}.data_center", "has no effect, because base_url is set; remove it")
    if account.base_url is not None and account.token_url is not None and "environment" in account.model_fields_set:
        yield InvalidKey(f"{path}.environment", "has no effect, because base_url and token_url are set; remove it")


def _unknown_workloads(expectations: Expectations, path: str) -> Iterator[InvalidKey]:
    for place, exception in enumerate(expectations.exceptions):
        for index, workload in enumerate(exception.workloads):
            if not workload_label(workload)[1]:
                close = similar(workload, KNOWN_WORKLOADS)
                advice = f"did you mean {close}?" if close else "use a value of the label workload"
                message = f"no known workload has this name; {advice}"
                yield InvalidKey(f"{path}.exceptions[{place}].workloads[{index}]", message)
