"""Page of dataset versions: the content of each, and the changes from one to the next."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from posemill.operations.dataset_versions import KINDS, Change, Kind, Step, Version, relabelled_pairs, span
from posemill.report import plots
from posemill.report.page import Cell, Figure, Page

LISTED = 40  # changes of a kind that are listed one by one
NAMES = 12  # names in one sentence
HEADINGS: dict[Kind, str] = {
    "added": "Clips added",
    "removed": "Clips removed",
    "labelled": "Clips that got a label",
    "relabelled": "Clips with another label",
    "unlabelled": "Clips that lost their label",
    "recut": "Clips cut anew",
    "subject": "Clips of another subject",
    "split": "Clips in another official split",
}
BY_CLIP: tuple[Kind, ...] = ("relabelled", "unlabelled", "recut", "subject", "split")


def versions_page(steps: Sequence[Step], project: str) -> Page:
    """Build the page, the newest version first; `steps` as `dataset_versions.steps` returns them."""
    page = Page(
        f"Dataset versions of {project}",
        "What the data held at each commit of dvc.lock, in each model and in the database now, and what changed.",
        "posemill data versions",
    )
    newest = steps[-1].version
    page.figures(
        [
            Figure("Versions", str(len(steps)), f"since {_day(steps[0].version)}"),
            Figure("Clips", f"{len(newest.clips)}", f"{newest.activities.total()} with an activity"),
            Figure("Classes", str(len(newest.activities))),
            Figure("Subjects", str(len(newest.subjects)), f"in {len(newest.media)} media"),
        ]
    )
    page.section("Versions", "A version is named by its content: equal data have the same name everywhere.")
    page.table(
        ["Version", "Time (UTC)", "Clips", "Labelled", "Classes", "Subjects", "Changed clips", "Known from"],
        [_row(step, first=step is steps[0]) for step in reversed(steps)],
    )
    if any(not step.version.exact for step in steps):
        page.text(
            "Versions marked with * are reconstructed from the database, since their table of clips is not in DVC's "
            "cache (`dvc fetch --all-commits`); clips that were erased since are missing in them."
        )
    if len(steps) > 1:
        page.picture(_growth(steps), "Number of clips with and without an activity, by version")
    for step in reversed(steps):
        _section(page, step, first=step is steps[0])
    return page


def _row(step: Step, first: bool) -> list[str | int | Cell]:
    version = step.version
    changed = "first version" if first else _summary(step)
    return [
        Cell(_name(version), href=f"#{_anchor(version)}"),
        f"{version.at:%Y-%m-%d %H:%M}".replace("-", "\N{NON-BREAKING HYPHEN}"),
        len(version.clips),
        version.activities.total(),
        len(version.activities),
        len(version.subjects),
        changed,
        _shortened("; ".join(version.sources), 70),
    ]


def _name(version: Version) -> str:
    return version.name + ("" if version.exact else "\N{NO-BREAK SPACE}*")


def _day(version: Version) -> str:
    return f"{version.at.day} {version.at:%B %Y}"


def _anchor(version: Version) -> str:
    return f"version-{version.name}"


def _summary(step: Step) -> str:
    said = [f"{step.count(kind)} {_word(kind)}" for kind in KINDS if step.count(kind)]
    return ", ".join(said) or "none"


def _word(kind: Kind) -> str:
    return {"recut": "cut anew", "subject": "of another subject", "split": "in another split"}.get(kind, kind)


def _section(page: Page, step: Step, first: bool) -> None:
    version = step.version
    page.section(f"Version {version.name}", f"{_day(version)}, {version.at:%H:%M} UTC. Known from {_sources(version)}.")
    if first:
        page.text("The first version: everything is new in it.")
    sentences = _sentences(step)
    if sentences and not first:
        page.bullets(sentences)
    pairs = relabelled_pairs(step.changes)
    if pairs:
        page.table(["Label before", "Label now", "Clips"], pairs, "Labels that were corrected")
    rows = _by_class(step)
    if first:
        page.table(["Class", "Clips"], [row[:2] for row in rows], "Classes of this version")
        return
    if rows:
        names = ["Class", "Clips", "Added", "Removed", "Label gained", "Label lost"]
        changed = [(row[0], row[1], *(n or "–" for n in row[2:])) for row in rows]
        page.table(names, changed, "Classes whose clips changed")
    for kind in BY_CLIP:
        listed = [change for change in step.changes if change.kind == kind]
        if listed:
            more = f"; the first {LISTED} of {len(listed)}" if len(listed) > LISTED else ""
            rows_of_kind = [_change(change) for change in listed[:LISTED]]
            page.table(["Medium", "Interval", "Before", "Now"], rows_of_kind, HEADINGS[kind] + more)
    if not step.changes:
        page.text("No clip changed.")


def _sources(version: Version) -> str:
    said = ", ".join(version.sources)
    return said if version.exact else f"{said} (reconstructed from the database)"


def _sentences(step: Step) -> list[str]:
    """Sentences on what changed."""
    said = [f"{HEADINGS[kind]}: {step.count(kind)}" for kind in KINDS if step.count(kind)]
    for title, names in (
        ("New classes", step.classes_added),
        ("Classes that are gone", step.classes_removed),
        ("New subjects", step.subjects_added),
        ("Subjects that are gone", step.subjects_removed),
    ):
        if names:
            said.append(f"{title}: {_listed(names)}")
    if step.media_added or step.media_removed:
        said.append(f"Media: {step.media_added} new, {step.media_removed} gone")
    return said


def _listed(names: Sequence[str]) -> str:
    more = len(names) - NAMES
    return ", ".join(names[:NAMES]) + (f" and {more} more" if more > 0 else "")


def _by_class(step: Step) -> list[tuple[str, int, int, int, int, int]]:
    """Of every class that changed: clips now, added, removed, and those whose label came or went."""
    added, removed, gained, lost = (Counter[str]() for _ in range(4))
    for change in step.changes:
        if change.kind == "added":
            added[change.after] += 1
        elif change.kind == "removed":
            removed[change.before] += 1
        elif change.kind in ("labelled", "relabelled", "unlabelled"):
            gained[change.after] += 1
            lost[change.before] += 1
    now = step.version.activities
    names = sorted(name for name in {*added, *removed, *gained, *lost} if name)
    return [(name, now[name], added[name], removed[name], gained[name], lost[name]) for name in names]


def _change(change: Change) -> tuple[str, str, str, str]:
    return change.place.medium[:12], span(change.place), change.before or "–", change.after or "–"


def _growth(steps: Sequence[Step]) -> str:
    figure, (ax,) = plots.axes(6.4, 2.4)
    at = range(len(steps))
    labelled = [step.version.activities.total() for step in steps]
    without = [len(step.version.clips) - n for step, n in zip(steps, labelled, strict=True)]
    ax.bar(at, labelled, 0.6, color=plots.ACCENT, label="with an activity")
    ax.bar(at, without, 0.6, bottom=labelled, color=plots.SECOND, label="without")
    ax.set(ylabel="clips", ylim=(0, max(len(step.version.clips) for step in steps) * 1.15 + 1))
    ax.set_xticks(list(at), [step.version.name[:6] for step in steps], fontsize=8, rotation=30, ha="right")
    ax.legend(  # above: bars of one height fill the rest
        frameon=False, fontsize=9, labelcolor=plots.SOFT, ncols=2, loc="lower left", bbox_to_anchor=(0.0, 1.0)
    )
    return plots.svg(figure)


def _shortened(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"
