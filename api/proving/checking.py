"""Checking a bundle from the first byte to the last: what has to hold so that nothing in it was rewritten.

The container and the manifest come first, then the walk through the milestones, which finds the place where a
member differs from the manifest. Belongs here: the order of the checks, and what they come to. Does not
belong here: keys and checkpoints (`notes`), the walk (`walking`), payloads (`rereading`).

Whatever the bytes are, a check ends with Checked or with Wrong, the first thing that is wrong.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Iterable
from typing import IO, Final, NamedTuple

from adapters.bundles import forms
from adapters.bundles.findings import Wrong, shown
from adapters.bundles.forms import ABOUT, MANIFEST, MAPPINGS, About, MappingText
from adapters.bundles.reading import Bundle, changed, manifest_of, opened
from adapters.bundles.replay import Replay
from api.proving import notes
from api.proving.notes import History, Published, Trust
from api.proving.rereading import Rereader, mapping_in_bundle
from api.proving.walking import Held, Walk
from domain.merkle import EMPTY_ROOT, RightEdge
from domain.notes import VerifierKey

NO_TRUST: Final = Trust()


class Checked(NamedTuple):
    """What was proved of a bundle.

    signer: the key that signed the manifest. is_trusted: it is one that the checker had from elsewhere.
    keys: all that the log signed with, by the size from which on. others: of them, those that were not given,
    where some were. checkpoints: of the log's history, checked.
    published: those given from elsewhere. recorded_at: of the last milestone, microseconds since 1970.
    reread, by_bundle, left: as of Rereader. roots: of the sizes that were asked for.
    """

    about: About
    signer: VerifierKey
    is_trusted: bool
    keys: dict[VerifierKey, int]
    others: list[VerifierKey]
    checkpoints: int
    published: list[Published]
    recorded_at: int | None
    reread: int
    by_bundle: int
    left: dict[str, int]
    roots: dict[int, bytes]


def sealed(file: IO[bytes], trust: Trust = NO_TRUST) -> tuple[Bundle, Wrong | None]:
    """The bundle in a file; and the first member that is not what a key has signed, None where all are.

    Raises Wrong where the file is not a container as bundles are, or holds no manifest.
    """
    bundle = opened(file)
    manifest = manifest_of(bundle)
    first = changed(bundle, manifest)
    if first is None:
        try:
            keys = trust.keys or tuple(notes.keys_of(bundle))
            notes.signed_by(manifest.note, keys, MANIFEST, "", is_given=bool(trust.keys))
        except Wrong as wrong:
            first = wrong
    return bundle, first


def check(
    file: IO[bytes],
    trust: Trust = NO_TRUST,
    *,
    sizes: Iterable[int] = (),
    told: Callable[[int], None] = lambda _: None,
    each: Callable[[Held], None] = lambda _: None,
) -> Checked:
    """Check all of a bundle. sizes: of which the roots are wanted. told: called with milestones done.

    each: called with every milestone. Raises Wrong.
    """
    first: Wrong | None = None
    place: list[str] = ["the bundle", ""]
    try:
        bundle, first = sealed(file, trust)
        # where a member differs from the manifest, the walk finds the place
        found = _checked(bundle, trust, sizes, told, each, place)
    except Wrong as wrong:
        wrong.besides = first
        raise
    except Exception as error:  # hostile bytes end as a finding, whatever they do
        raise first or Wrong(place[0], place[1], f"it can't be read ({type(error).__name__})") from error
    if first is not None:
        raise first
    return found


def _checked(
    bundle: Bundle,
    trust: Trust,
    sizes: Iterable[int],
    told: Callable[[int], None],
    each: Callable[[Held], None],
    place: list[str],
) -> Checked:
    about = _about(bundle)
    keys = notes.keys_of(bundle)
    published = [notes.published(name, content, keys, trust, about) for name, content in trust.checkpoints]
    rereader = Rereader(_mappings(bundle))
    history = History(bundle, about, keys)
    wanted = {*sizes, *(one.checkpoint.size for one in published), about.size}
    roots = {0: EMPTY_ROOT}
    recorded_at: int | None = None
    history.grown(0, lambda: EMPTY_ROOT)

    def grown(edge: RightEdge) -> None:
        if edge.size in wanted:
            roots[edge.size] = edge.root()
        history.grown(edge.size, edge.root)

    walk = Walk(bundle, about.size, whole=about.payloads == forms.WHOLE, leaf=grown)
    place[0] = forms.MILESTONES
    with Replay() as replay:
        for step in walk.steps(replay):
            for one in step.held:
                place[1] = f"milestone {one.stored.position}"
                rereader.check(one.stored, one.payload, one.milestone)
                each(one)
            recorded_at = step.held[-1].recorded_at
            told(step.held[-1].stored.position)
    root = b64encode(roots[about.size]).decode()
    if root != about.root:
        raise Wrong(
            ABOUT, "", "its root is not that of the milestones", expected=root, found=shown(about.root)
        )
    checkpoints = history.end()
    for given in published:
        notes.is_in(given, about, roots)
    counting = [key for key in keys if key in trust.keys] or list(keys)
    signer = notes.signed_by(manifest_of(bundle).note, counting, MANIFEST, "", is_given=bool(trust.keys))
    others = [key for key in keys if trust.keys and key not in trust.keys]
    return Checked(
        about, signer, signer in trust.keys, keys, others, checkpoints, published, recorded_at,
        rereader.reread, rereader.by_bundle, rereader.left, roots,
    )  # fmt: skip


def _about(bundle: Bundle) -> About:
    about = forms.value_of(About, bundle.whole(ABOUT), ABOUT, "")
    if about.format != forms.FORMAT:
        raise Wrong(
            ABOUT, "", "this version reads another form", expected=forms.FORMAT, found=shown(about.format)
        )
    origin = manifest_of(bundle).origin
    if about.origin != origin:
        raise Wrong(ABOUT, "", "its origin is not the manifest's", expected=origin, found=about.origin)
    if about.size < 0 or about.payloads not in (forms.WHOLE, forms.DIGESTS):
        raise Wrong(ABOUT, "", "it does not say how many milestones there are, or whether bodies are there")
    return about


def _mappings(bundle: Bundle) -> dict[str, str]:
    """The mappings that the bundle brings along. Raises Wrong where one is not what its stamp says."""
    found: dict[str, str] = {}
    for line in bundle.lines(MappingText, MAPPINGS):
        mapping_in_bundle(line)
        found[line.stamp] = line.text
    return found
