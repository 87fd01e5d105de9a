"""The command `vectordbbench omendb`."""

from typing import Annotated, Unpack

import click

from ....cli.cli import CommonTypedDict, cli, click_parameter_decorators_from_typed_dict, run
from .. import DB


class OmenDBTypedDict(CommonTypedDict):
    path: Annotated[str, click.option("--path", type=str, required=True, help="the database's directory")]
    m: Annotated[int, click.option("--m", type=int, default=16, help="links of a row")]
    ef_construction: Annotated[
        int, click.option("--ef-construction", type=int, default=200, help="width of the search that places a row")
    ]
    ef_search: Annotated[
        int, click.option("--ef-search", type=int, default=0, help="width of a search; 0 leaves it to OmenDB")
    ]
    storage: Annotated[str, click.option("--storage", type=str, default="f32", help="how vectors are stored")]


@cli.command("omendb")
@click_parameter_decorators_from_typed_dict(OmenDBTypedDict)
def OmenDB(**parameters: Unpack[OmenDBTypedDict]) -> None:
    from .config import OmenDBConfig, OmenDBIndexConfig

    run(
        db=DB.OmenDB,
        db_config=OmenDBConfig(db_label=parameters["db_label"], path=parameters["path"]),
        db_case_config=OmenDBIndexConfig(
            m=parameters["m"],
            ef_construction=parameters["ef_construction"],
            ef_search=parameters["ef_search"],
            storage=parameters["storage"],
        ),
        **parameters,
    )
