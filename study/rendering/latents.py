"""What a trial kept of its latent space and its layers, as sheets of images and planes."""

from collections.abc import Mapping

import numpy as np

from study.rendering.image_sheets import (
    Array,
    Held,
    Sheet,
    Sheets,
    greys,
    in_rows,
    same_scale,
)

ORIGINALS = "reconstructions/originals"
_FILTERS_IN_ROW = 8
_ALTERED = ("× .5", "× 1", "× 1.5", "ones", "zeros")


def reconstruction_sheets(title: str, held: Held) -> Sheets:
    """Return originals above what comes back."""
    panels = []
    for label, arrays in held.items():
        originals = arrays[ORIGINALS]
        kinds = {"original": originals}
        if "reconstructions/seen" in arrays:
            kinds |= {"seen": arrays["reconstructions/seen"]}
        kinds |= {"decoded": arrays["reconstructions/decoded"]}
        if "reconstructions/drawn" in arrays:
            kinds |= {"drawn": arrays["reconstructions/drawn"]}
        errors = [
            f"{name} {np.square(images - originals).mean():.3g}"
            for name, images in kinds.items()
            if name in ("decoded", "drawn")
        ]
        images = np.stack(list(kinds.values()))
        sheet = Sheet(
            label=label,
            images=images,
            scale=greys(images, held, ORIGINALS),
            rows=tuple(kinds),
            columns=tuple(map(str, arrays["reconstructions/labels"])),
            note=f"mean squared error of these {', '.join(errors)}",
        )
        panels.append(sheet)
    how = (
        "Evaluation examples by class, above what the model gives back: decoded, and of a model "
        "whose latents are drawn also decoded from a draw."
    )
    return Sheets(title=title, how=how, panels=tuple(panels))


def traversal_sheets(title: str, held: Held) -> Sheets:
    """Return what changing one latent at a time makes of an example, a row for each."""
    panels = []
    for label, arrays in held.items():
        images = arrays["traversals/images"]
        numbers, values = arrays["traversals/latents"], arrays["traversals/values"]
        rows = [
            f"{number}: {way[0]:.2g} to {way[-1]:.2g}"
            for number, way in zip(numbers, values, strict=True)
        ]
        scale = greys(images, held, ORIGINALS)
        panels.append(Sheet(label=label, images=images, scale=scale, rows=tuple(rows)))
    how = (
        "A row for each of the latents of largest variance: decoded from three standard deviations "
        "below where the first evaluation example has it to three above, the others as it has them."
    )
    return Sheets(title=title, how=how, panels=tuple(panels))


def plane_sheets(title: str, held: Held) -> Sheets:
    """Return the plane of two latents, the second growing upwards."""
    panels = []
    for label, arrays in held.items():
        images = arrays["traversals/plane"][::-1]
        across, up = arrays["traversals/plane_values"]
        sheet = Sheet(
            label=label,
            images=images,
            scale=greys(images, held, ORIGINALS),
            rows=_ends(up[::-1]),
            columns=_ends(across),
        )
        panels.append(sheet)
    how = (
        "The two latents of largest variance, to the right and upwards, at quantiles of theirs; "
        "others as the first evaluation example has them."
    )
    return Sheets(title=title, how=how, panels=tuple(panels))


def class_mean_sheets(title: str, held: Held) -> Sheets:
    """Return the decoded mean of each class's latents, a row for each trial."""
    columns = {
        label: tuple(map(str, arrays["class_means/classes"])) for label, arrays in held.items()
    }
    how = "The mean latents of each class's evaluation examples, decoded."
    return _row_sheets(title, held, "class_means/images", columns, how)


def interpolation_sheets(title: str, held: Held) -> Sheets:
    """Return the way from an example of one class to one of another, a row for each trial."""
    columns = {}
    for label, arrays in held.items():
        first, last = arrays["interpolations/classes"]
        between = ("",) * (len(arrays["interpolations/images"]) - 2)
        columns[label] = (f"class {first}", *between, f"class {last}")
    how = "Decoded on the line between the latents of the first example of either class."
    return _row_sheets(title, held, "interpolations/images", columns, how)


def altered_sheets(title: str, held: Held) -> Sheets:
    """Return what is decoded from latents that no example has, a row for each trial."""
    how = "The first evaluation example's latents times .5, 1 and 1.5, then all ones and all zeros."
    columns = dict.fromkeys(held, _ALTERED)
    return _row_sheets(title, held, "altered_latents/images", columns, how)


def filter_sheets(title: str, held: Held) -> Sheets:
    """Return the first convolution's filters, each from its least weight to its largest."""
    panels = []
    for label, arrays in held.items():
        kernels = arrays["layers/kernels"]
        images = in_rows(kernels, min(len(kernels), _FILTERS_IN_ROW))
        scale = same_scale(images, kernels.min(), kernels.max())
        note = f"{len(kernels)} filters"
        panels.append(Sheet(label=label, images=images, scale=scale, note=note))
    how = "Filters of the first convolution, from a panel's smallest weight to its largest."
    return Sheets(title=title, how=how, panels=tuple(panels))


def response_sheets(title: str, held: Held) -> Sheets:
    """Return what each convolution gives for one image, which the first row shows."""
    panels = []
    for label, arrays in held.items():
        maps = _with_gaps(arrays["layers/maps"], arrays["layers/sizes"][:, 0])
        first = np.full((1, *maps.shape[1:]), np.nan)
        first[0, 0] = arrays["layers/image"].mean(axis=0)
        images = np.concatenate([first, maps])[:, :, None]
        sizes = [f"{k}: {c} of {h}×{w}" for k, (c, h, w) in enumerate(arrays["layers/sizes"], 1)]
        ends = [end(images, axis=(1, 2, 3, 4)) for end in (np.nanmin, np.nanmax)]
        rows = ("image", *sizes)
        panels.append(Sheet(label=label, images=images, scale=np.stack(ends, axis=1), rows=rows))
    how = (
        "The first evaluation example and, row by row, what each convolution gives for it: its "
        "first channels, from the row's smallest value to its largest."
    )
    return Sheets(title=title, how=how, panels=tuple(panels))


def _row_sheets(
    title: str, held: Held, name: str, columns: Mapping[str, tuple[str, ...]], how: str
) -> Sheets:
    """A row of images for each trial, its columns named by the trial's label."""
    panels = []
    for label, arrays in held.items():
        images = arrays[name][None]
        scale = greys(images, held, ORIGINALS)
        panels.append(Sheet(label=label, images=images, scale=scale, columns=columns[label]))
    return Sheets(title=title, how=how, panels=tuple(panels))


def _ends(values: Array) -> tuple[str, ...]:
    """Labels of the first, the middle and the last value."""
    shown = {0, len(values) // 2, len(values) - 1}
    return tuple(f"{value:.2g}" if k in shown else "" for k, value in enumerate(values))


def _with_gaps(maps: Array, channels: Array) -> Array:
    """(R, O, H, W) with nan for the channels that a layer has not; it has one at least."""
    known = np.arange(maps.shape[1]) < channels.clip(min=1)[:, None]
    found: Array = np.where(known[:, :, None, None], maps, np.nan)
    return found
