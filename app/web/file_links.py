"""/f/<digest>/<mark>: one file of a message, for whoever was sent its link on a channel that carries no files."""

from flask import Blueprint, Flask
from sqlalchemy import select
from werkzeug.wrappers import Response

from app import viewer
from app.core.db import session
from app.core.errors import NotFound
from app.core.files import StoredFile
from app.web.desk_files import deliver
from channels.file_links import is_ours

blueprint = Blueprint("file_links", __name__)


def init_app(flask: Flask) -> None:
    flask.register_blueprint(blueprint)


@blueprint.get("/f/<digest>/<mark>")
@viewer.public
def file(digest: str, mark: str) -> Response:
    """The file, as a download unless it is a picture."""
    if not is_ours(digest, mark):
        raise NotFound()
    rows = select(StoredFile).where(StoredFile.sha256 == digest, StoredFile.owner == "message").order_by(StoredFile.id.desc())
    row = session().scalars(rows.limit(1)).first()
    if row is None:
        raise NotFound()
    return deliver(row)
