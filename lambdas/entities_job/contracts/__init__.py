"""The payloads of this project, one type each: what the construct gives the functions, what they send each other, and
what is published.

Keys are PascalCase, as the API's are; times are ISO 8601 in UTC; sizes are bytes; offsets are Unicode code points.
Glue columns, the schema of the event and the tables of docs/architecture.md are made from these types.
"""

from __future__ import annotations

from .events import *
from .files import *
from .published import *
from .request import *
from .settings import *
from .tasks import *
from .uploads import *
