"""The vectors of one partition, and which are nearest to another one.

    up to 4,096       flat: every vector is compared, and the answer is exact
    beyond            inverted lists (IVF) of float16, as many as four times the root of the number; a few are compared
    while that grows  what there is stays as it is and is still asked; what comes goes into a flat one beside it

The lists are made in a thread, from what does not change meanwhile; all else is of the event loop. A number is never
given to a second entry, so an index that still has what was removed cannot name another entry for it.
"""

from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import faiss
import numpy as np
import numpy.typing as npt

from extproc.model.cache import Candidate, EntryId, Vector

FLAT_MOST = 4096
"""On one core a lookup among so many takes about half a millisecond."""
_GROWTH = 4
"""Lists are made anew when there are so many times as many vectors."""
_MOST_DEAD_SHARE = 0.25
_PROBES_SHARE = 64
_LEAST_PROBES = 16
_SPARE = 8
"""Found beside what is asked for, should some have been removed."""

Matrix = npt.NDArray[np.float32]


class FlatPart:
    """Rows without holes: the last one takes the place of one that is removed."""

    def __init__(self, dimensions: int) -> None:
        self.entries: list[EntryId] = []
        self.ends: list[float] = []
        """When each runs out, UTC seconds."""
        self._places: dict[EntryId, int] = {}
        self._rows: Matrix = np.zeros((1, dimensions), np.float32)

    def __len__(self) -> int:
        """How many there are."""
        return len(self.entries)

    def __contains__(self, entry: EntryId) -> bool:
        """Whether it is there."""
        return entry in self._places

    @property
    def rows(self) -> Matrix:
        """(n, d), in the order of ``entries``. Changes with the next call."""
        return self._rows[: len(self.entries)]

    def add(self, entry: EntryId, vector: npt.NDArray[np.float32], end_s: float) -> None:
        """Put it there, in place of what it had."""
        place = self._places.get(entry, len(self.entries))
        if place == len(self._rows):
            self._rows = np.concatenate([self._rows, np.zeros_like(self._rows)])
        if place == len(self.entries):
            self.entries.append(entry)
            self.ends.append(end_s)
            self._places[entry] = place
        self._rows[place], self.ends[place] = vector, end_s

    def remove(self, entry: EntryId) -> bool:
        """Whether it was there."""
        place = self._places.pop(entry, None)
        if place is None:
            return False
        last, end_s = self.entries.pop(), self.ends.pop()
        if last != entry:
            self.entries[place], self.ends[place] = last, end_s
            self._places[last] = place
            self._rows[place] = self._rows[len(self.entries)]
        return True

    def expired(self, now_s: float) -> list[EntryId]:
        """Those that have run out."""
        return [entry for entry, end_s in zip(self.entries, self.ends, strict=True) if end_s <= now_s]

    def nearest(self, vector: Matrix, most: int) -> list[Candidate]:
        """(1, d) → the best of all."""
        if not self.entries:
            return []
        found, places = faiss.knn(vector, self.rows, min(most, len(self.entries)), metric=faiss.METRIC_INNER_PRODUCT)
        return [
            Candidate(self.entries[place], float(cosine)) for cosine, place in zip(found[0], places[0], strict=True)
        ]


class ListedPart:
    """Inverted lists, and which of their numbers stands for what."""

    def __init__(self, rows: Matrix, entries: Sequence[EntryId], ends: Sequence[float]) -> None:
        """Make the lists: seconds to minutes, without the event loop's help."""
        count, dimensions = rows.shape
        lists = max(1, min(count, int(4 * count**0.5)))
        quantizer = faiss.IndexFlatIP(dimensions)
        half, product, by_residual = faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT, False
        self._index = faiss.IndexIVFScalarQuantizer(quantizer, dimensions, lists, half, product, by_residual)
        self._quantizer = quantizer  # FAISS keeps no hold of it
        self._index.cp.max_points_per_centroid = 40
        self._index.cp.min_points_per_centroid = 1
        self._index.cp.niter = 8
        self._index.nprobe = max(_LEAST_PROBES, lists // _PROBES_SHARE)
        self._index.train(rows if count else np.zeros((1, dimensions), np.float32))
        self._index.add(rows)
        self.made_of = count
        self._entries: list[EntryId | None] = list(entries)
        self._ends = array("d", ends)
        self._numbers: dict[EntryId, int] = {entry: number for number, entry in enumerate(entries)}

    def __len__(self) -> int:
        """How many there are."""
        return len(self._numbers)

    def __contains__(self, entry: EntryId) -> bool:
        """Whether it is there."""
        return entry in self._numbers

    @property
    def dead(self) -> int:
        """How many are in the lists that were removed."""
        return len(self._entries) - len(self._numbers)

    @property
    def probes(self) -> int:
        """Lists that are compared. More find more, and take longer."""
        return int(self._index.nprobe)

    @probes.setter
    def probes(self, count: int) -> None:
        self._index.nprobe = count

    def add(self, entry: EntryId, vector: npt.NDArray[np.float32], end_s: float) -> None:
        """Put it there, in place of what it had."""
        self.remove(entry)
        number = len(self._entries)
        self._index.add_with_ids(vector.reshape(1, -1), np.array([number], np.int64))
        self._entries.append(entry)
        self._ends.append(end_s)
        self._numbers[entry] = number

    def remove(self, entry: EntryId) -> bool:
        """Whether it was there."""
        number = self._numbers.pop(entry, None)
        if number is None:
            return False
        self._entries[number] = None
        return True

    def expired(self, now_s: float) -> list[EntryId]:
        """Those that have run out."""
        places = np.flatnonzero(np.frombuffer(self._ends, np.float64) <= now_s)
        return [entry for place in places if (entry := self._entries[place]) is not None]

    def nearest(self, vector: Matrix, most: int) -> list[Candidate]:
        """(1, d) → the best of the lists that are compared."""
        found, numbers = self._index.search(vector, most + (_SPARE if self.dead else 0))
        best = [
            Candidate(entry, float(cosine))
            for cosine, number in zip(found[0], numbers[0], strict=True)
            if number >= 0 and (entry := self._entries[number]) is not None
        ]
        return best[:most]

    def read(self) -> tuple[Matrix, list[EntryId], list[float]]:
        """Every vector that is alive, whose it is, and when it runs out."""
        lists: Any = self._index.invlists
        parts: list[Matrix] = []
        numbers: list[int] = []
        for number in range(self._index.nlist):
            size = lists.list_size(number)
            if size == 0:
                continue
            names = faiss.rev_swig_ptr(lists.get_ids(number), size)
            codes = faiss.rev_swig_ptr(lists.get_codes(number), size * self._index.code_size)
            is_alive = [self._entries[each] is not None for each in names]
            parts.append(codes.view(np.float16).reshape(size, -1)[is_alive].astype(np.float32))
            numbers.extend(names[is_alive].tolist())
        rows = np.concatenate(parts) if parts else np.zeros((0, self._index.d), np.float32)
        entries = [entry for each in numbers if (entry := self._entries[each]) is not None]
        return rows, entries, [self._ends[each] for each in numbers]


@dataclass(slots=True, eq=False)
class PartitionIndex:
    """See the module. Use from one event loop; only what ``begin_growth`` gives is for a thread."""

    dimensions: int
    flat_most: int = FLAT_MOST
    _flat: FlatPart = field(init=False)
    _frozen: FlatPart | None = None
    """Set: lists are being made of this and of ``_listed``, and neither changes."""
    _hidden: set[EntryId] = field(default_factory=set)
    """Removed since then."""
    _listed: ListedPart | None = None

    def __post_init__(self) -> None:
        """Begin flat."""
        self._flat = FlatPart(self.dimensions)

    def __len__(self) -> int:
        """How many vectors there are."""
        others = sum(len(each) for each in (self._frozen, self._listed) if each is not None)
        return len(self._flat) + others - len(self._hidden)

    def add(self, entry: EntryId, vector: Vector, end_s: float) -> bool:
        """Put it there, in place of what it had; False: it has not the others' length."""
        if len(vector) != self.dimensions * 4:
            return False
        values = np.frombuffer(vector, "<f4").astype(np.float32)
        self.remove(entry)
        if self._listed is not None and self._frozen is None:
            self._listed.add(entry, values, end_s)
        else:
            self._flat.add(entry, values, end_s)
        return True

    def expire(self, now_s: float) -> None:
        """Remove what has run out; not while lists are being made."""
        if self._frozen is None:
            for part in (self._flat, self._listed):
                for entry in () if part is None else part.expired(now_s):
                    self.remove(entry)

    def remove(self, entry: EntryId) -> None:
        """It is not found any more."""
        self._flat.remove(entry)
        if self._frozen is not None:
            if entry in self._frozen or (self._listed is not None and entry in self._listed):
                self._hidden.add(entry)
        elif self._listed is not None:
            self._listed.remove(entry)

    def nearest(self, vector: Vector, most: int) -> list[Candidate]:
        """Best first."""
        if len(vector) != self.dimensions * 4:
            return []
        asked = np.frombuffer(vector, "<f4").reshape(1, -1).astype(np.float32)
        found = self._flat.nearest(asked, most)
        spare = min(len(self._hidden), _SPARE)
        for part in (self._frozen, self._listed):
            if part is not None:
                found += [each for each in part.nearest(asked, most + spare) if each.id not in self._hidden]
        return sorted(found, key=lambda candidate: -candidate.similarity)[:most]

    @property
    def is_crowded(self) -> bool:
        """Whether it should grow."""
        if self._frozen is not None:
            return False
        if self._listed is None:
            return len(self._flat) > self.flat_most
        is_large = len(self._listed) > _GROWTH * self._listed.made_of
        return is_large or self._listed.dead > max(self.flat_most, _MOST_DEAD_SHARE * len(self._listed))

    def begin_growth(self) -> Callable[[], ListedPart]:
        """What a thread has to do; its result is for ``finish_growth``."""
        frozen, listed = self._flat, self._listed
        self._frozen, self._flat = frozen, FlatPart(self.dimensions)

        def make() -> ListedPart:
            faiss.omp_set_num_threads(1)
            if listed is None:
                return ListedPart(frozen.rows, frozen.entries, frozen.ends)
            rows, entries, ends = listed.read()
            both = np.concatenate([rows, frozen.rows])
            return ListedPart(both, [*entries, *frozen.entries], [*ends, *frozen.ends])

        return make

    def finish_growth(self, made: ListedPart) -> None:
        """Take the lists, and what has happened since they were begun."""
        for entry in self._hidden:
            made.remove(entry)
        for entry, row, end_s in zip(self._flat.entries, self._flat.rows, self._flat.ends, strict=True):
            made.add(entry, row, end_s)
        self._listed, self._frozen, self._flat = made, None, FlatPart(self.dimensions)
        self._hidden = set()

    def abandon_growth(self) -> None:
        """Nothing was made: go on as before."""
        if self._frozen is not None:
            late, self._flat, self._frozen = self._flat, self._frozen, None
            for entry in self._hidden:
                self._flat.remove(entry)
                if self._listed is not None:
                    self._listed.remove(entry)
            self._hidden = set()
            for entry, row, end_s in zip(late.entries, late.rows, late.ends, strict=True):
                self._flat.add(entry, row, end_s)
