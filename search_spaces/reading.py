"""What a user writes of a hyperparameter, read into a domain or a fixed value.

| TOML                                         | means                                         |
| -------------------------------------------- | --------------------------------------------- |
| `0.01`, `"relu"`, `true`                     | fixed                                         |
| `[0.0, 0.5]`, `[1, 8]`: two numbers          | a range; of integers where both are           |
| `["relu", "tanh"]`, `[16, 32, 64]`           | one of these                                  |
| `{low = 1e-4, high = 1e-2, log = true}`      | a range; `log` and `default` may be left out  |
| `{choices = [16, 64], default = 64}`         | one of these; `default` may be left out       |

A range is searched on a logarithmic scale if `log` says so, else as the family's own domain is,
else where it spans a factor of 100 or more: what is given over orders of magnitude is meant so.
The default of a range is the family's where it lies inside, else the middle (the geometric one
on a logarithmic scale); of choices the family's or the first.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from search_spaces.domains import Categorical, Domain, Float, Int, is_number
from search_spaces.family import LIMITS, FamilySpace, Limits, Truth, Words
from search_spaces.training import TRAINING

LOG_SPAN = 100.0
RESERVED = ("input_shape", "num_classes", "depth")  # what every torch constructor is given


def restricted(
    space: FamilySpace, wishes: Mapping[str, Any], family: str, *, place: str | None = None
) -> FamilySpace:
    """Return a family's space as a study file's `[hyperparameters.<family>]` wishes it.

    A fixed value leaves the space and enters the defaults; a range replaces the domain. `place` is
    where the wishes stand, if not there.

    Raises:
        ValueError: an unknown name, a wrong type, or a value the network cannot take.
    """
    for key, parts in space.parts.items():
        words = _words(wishes.get(key))
        if words and set(words) <= set(parts):  # what is no word is refused where it is read
            space = space.with_part(key, words)
    domains, defaults = dict(space.space), dict(space.defaults)
    allowed = (*defaults, *(name for name in space.limits if name not in defaults))
    for name, written in wishes.items():
        key = f"{place or f'hyperparameters.{family}'}.{name}"
        if name not in allowed:
            raise ValueError(f"{key}: {family} has none of that name; it has {', '.join(allowed)}")
        wish = read(
            key,
            written,
            limits=space.limits.get(name),
            usual=domains.get(name),
            default=defaults.get(name),
        )
        if isinstance(wish, Domain):
            domains[name], defaults[name] = wish, wish.default
        else:
            domains.pop(name, None)
            defaults[name] = wish
    return replace(space, space=domains, defaults=defaults)


def _words(written: Any) -> list[str]:
    """Return the words that a wish may turn out to be; none where it is no word."""
    written = written.get("choices", ()) if isinstance(written, Mapping) else written
    several = [written] if isinstance(written, str) else written
    is_list = isinstance(several, Sequence) and all(isinstance(word, str) for word in several)
    return list(several) if is_list else []


def own_space(
    name: str,
    *,
    parameters: Mapping[str, Any],
    searched: Mapping[str, Domain],
    kind: str | None,
    takes: str,
    meets_budget: bool = True,
) -> FamilySpace:
    """Return the space of a user's own network: training's, where there is any, and its own.

    Args:
        name: the network's, for the error.
        parameters: fixed ones of its constructor.
        searched: of `read_space`.
        kind: "torch" or "sklearn", which is fitted and not trained; None: not known yet.
        takes: as `FamilySpace`.
        meets_budget: likewise.

    Raises:
        ValueError: a parameter's name is taken.
    """
    training = {} if kind == "sklearn" else TRAINING
    if kind == "torch":
        for parameter in (*parameters, *searched):
            if parameter in RESERVED:
                raise ValueError(f"networks.{name}: {parameter!r} is set by the study itself")
            if parameter in training:
                raise ValueError(
                    f"networks.{name}: {parameter!r} is the training's, not the network's: "
                    f"see [hyperparameters.{name}]"
                )
    space = training | dict(searched)
    return FamilySpace(
        space=space,
        defaults={key: domain.default for key, domain in space.items()} | dict(parameters),
        takes=takes,
        limits={key: LIMITS[key] for key in training},
        meets_budget=meets_budget,
    )


def read_space(
    name: str, parameters: Mapping[str, Any], space: Mapping[str, Any]
) -> dict[str, Domain]:
    """Return the domains of a user's `[[networks]] space = {...}`.

    Raises:
        ValueError: a value is no range, or also among the fixed `parameters`.
    """
    domains = {}
    for parameter, written in space.items():
        key = f"networks.{name}.space.{parameter}"
        if parameter in parameters:
            raise ValueError(f"{key}: also among the network's fixed parameters; once is enough")
        domain = read(key, written)
        if not isinstance(domain, Domain):
            raise ValueError(
                f"{key} = {written!r}: must be a range or choices; one fixed value belongs to "
                "the network's parameters"
            )
        domains[parameter] = domain
    return domains


def examples(
    parameters: Mapping[str, Any], searched: Mapping[str, Domain]
) -> tuple[dict[str, Any], ...]:
    """Return constructor arguments to try before a study starts: defaults, lows, highs."""
    corners = [{name: domain.default for name, domain in searched.items()}]
    for end in (0, -1):
        corner = {
            name: domain.choices[end]
            if isinstance(domain, Categorical)
            else (domain.low, domain.high)[end]
            for name, domain in searched.items()
        }
        if corner not in corners:
            corners.append(corner)
    return tuple({**parameters, **corner} for corner in corners)


def read(
    key: str,
    written: Any,
    *,
    limits: Limits | Truth | Words | None = None,
    usual: Domain | None = None,
    default: Any = None,
) -> Domain | Any:
    """Return the domain or the fixed value that a user wrote.

    Args:
        key: where it stands, for the error.
        written: a scalar, a list or a table of TOML.
        limits: what it may be at all; None allows everything.
        usual: the domain it replaces.
        default: the value it replaces.

    Raises:
        ValueError: one line with the key, the value and what is allowed.
    """
    try:
        table = _table(written)
        if table is None:
            _check_limits(limits, written)
            is_real = isinstance(limits, Limits) and not limits.whole
            return float(written) if is_real else written
        if "choices" in table:
            return _choices(table, limits, default)
        return _range(table, limits, usual, default)
    except ValueError as error:
        raise ValueError(f"{key} = {_toml(written)}: {error}") from None


def _table(written: Any) -> dict[str, Any] | None:
    """Return a list or table in the long form, or None for a scalar."""
    if isinstance(written, Mapping):
        table = dict(written)
        if not ({"choices"} <= set(table) <= {"choices", "default"}) and not (
            {"low", "high"} <= set(table) <= {"low", "high", "log", "default"}
        ):
            raise ValueError("must be {low, high, log, default} or {choices, default}")
        return table
    if isinstance(written, Sequence) and not isinstance(written, str):
        if len(written) == 2 and all(map(is_number, written)):
            return {"low": written[0], "high": written[1]}
        return {"choices": written}
    return None


def _range(
    table: dict[str, Any], limits: Limits | Truth | Words | None, usual: Domain | None, default: Any
) -> Domain:
    low, high = table["low"], table["high"]
    for end in (low, high):
        _check_limits(limits or Limits(low=-math.inf), end)
    if not low < high:
        raise ValueError("the range's lower end must come first; one value alone fixes it")
    log = table.get("log")
    if log is None and isinstance(usual, (Float, Int)):
        log = usual.log and low > 0
    elif log is None:
        log = low > 0 and high / low >= LOG_SPAN
    if not isinstance(log, bool) or (log and low <= 0):
        raise ValueError("log must be true or false, and true only if low is above 0")
    whole = isinstance(low, int) and isinstance(high, int)
    if isinstance(limits, Limits):
        whole = limits.whole
    middle = math.sqrt(low) * math.sqrt(high) if log else low / 2 + high / 2
    inside = is_number(default) and low <= default <= high
    default = table.get("default", default if inside else round(middle) if whole else middle)
    if whole:
        return Int(low=low, high=high, log=log, default=default)
    return Float(low=float(low), high=float(high), log=log, default=default)


def _choices(table: dict[str, Any], limits: Limits | Truth | Words | None, default: Any) -> Domain:
    choices = table["choices"]
    if not isinstance(choices, Sequence) or isinstance(choices, str):
        raise ValueError("choices must be a list")
    for choice in choices:
        if not isinstance(choice, (str, int, float)):
            raise ValueError("choices must be numbers, strings or truth values")
        _check_limits(limits, choice)
    if len(choices) < 2 or len(set(choices)) < len(choices):
        raise ValueError("choices must be two or more different values; one alone fixes it")
    chosen = table.get("default", default if default in choices else choices[0])
    return Categorical(choices=tuple(choices), default=chosen)


def _check_limits(limits: Limits | Truth | Words | None, value: Any) -> None:
    if limits is not None and not limits.contains(value):
        raise ValueError(f"must be {limits}, or a range or choices of such")


def _toml(written: Any) -> str:
    """Return a value as a study file would say it, on one line."""
    if isinstance(written, Mapping):
        return "{" + ", ".join(f"{key} = {_toml(value)}" for key, value in written.items()) + "}"
    return str(written).lower() if isinstance(written, bool) else repr(written)
