"""Pictures that are judged beside a bundle's own films, made of some of these: of other kinds, and with accidents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cxredge.data.accidents import accident_films
from cxredge.results import FilmRecord
from cxredge.shard_record import StackName
from cxredge.stages import Scratch
from cxredge.workers.fork_server import ForkServer
from cxredge.workflows.bundled import Bundled
from cxredge.workflows.materialize import materialize
from cxredge.workflows.stages.accidents import AccidentFilms
from cxredge.workflows.stages.films import Films
from cxredge.workflows.stages.out_of_distribution import OutOfDistributionFilms
from cxredge.workflows.stages.pictures import Pictures
from cxredge.workflows.verify import check_out_of_distribution


@dataclass(frozen=True, eq=False)
class Made:
    """One stack of them, drawn. names, owners: of each picture; those of one owner are not independent."""

    pictures: Pictures
    names: Sequence[str]
    owners: Sequence[str]


def made_pictures(bundled: Bundled, store: Scratch, server: ForkServer) -> dict[StackName, Made]:
    """All that go with the bundle's own films, drawn, by stack.

    Few films are read for these, however many there are. Raises InputError VERIFY-FILMS, VERIFY-STRANGERS.
    """
    evaluation, recipe = bundled.bundle.record.films.evaluation, bundled.recipe
    named = bundled.named(evaluation.split, evaluation.films)
    made: dict[StackName, Made] = {}
    if recipe.novelty is not None:
        whole = Films("evaluation", named, recipe.input, bundled.data.name, evaluation.films)
        strange = OutOfDistributionFilms(whole, recipe)
        materialize([strange], store, server, "reading out-of-distribution films")
        check_out_of_distribution(bundled, strange, store)
        listed = strange.listed(store).pictures
        made["out-of-distribution"] = Made(strange, [f"{p.kind} {p.name}" for p in listed], [p.group for p in listed])
    if recipe.quality is not None:
        rows = accident_films(len(named))
        records: list[FilmRecord] = [evaluation.films[row] for row in rows]
        some = Films("evaluation", [named[row] for row in rows], recipe.input, bundled.data.name, records)
        accidents = AccidentFilms(some)
        materialize([accidents], store, server, "reading films for accidents")
        ways = len(accidents.pixels(store)) // len(rows)
        made["accidents"] = Made(
            accidents,
            [f"{film.file}, way {way + 1}" for way in range(ways) for film in records],
            [film.patient for film in records] * ways,
        )
    return made
