"""Schema `jobs` is what the installed Procrastinate works on.

Revision 0001 of the worker ran the schema of the release that was installed then, and no revision
runs a newer one's by itself: a database would keep the old functions and the code call new ones.
"""

from __future__ import annotations

import hashlib
from importlib.metadata import version
from importlib.resources import files

# What services/worker/migrations bring a database to.
RELEASE = "3.10.0"
NEWEST = "03.04.00_50_post_add_retry_failed_job_procedure.sql"
SCHEMA_SHA256 = "c70ec4b400a60ad9592787653aae5ae77ae41bf801d56b5bd2712751a07f2009"

WHAT_TO_DO = """
Procrastinate {installed} is installed, and schema `jobs` is that of {release}.
Its migrations that no revision of ours runs: {newer}
1. Keep schema.sql of {release} beside services/worker/migrations/0001_queue.py and have 0001 run
   that file: new databases are to come by the same way as old ones.
2. Write the next revision, which runs these migrations as 0001 runs the schema: `SET LOCAL
   search_path = jobs, pg_catalog`, and for new functions their search_path and the worker's
   grants. Replicas of the release before must be able to go on meanwhile.
3. Read what of `services/worker/manager.py` and `queries.sql` goes past its functions.
4. Write the new release, the newest migration and the digest of schema.sql into this test.
If its schema.sql differs in comments alone, only the last of these is left to do.
"""


def test_no_release_of_procrastinate_comes_without_its_migration() -> None:
    sql = files("procrastinate.sql")
    digest = hashlib.sha256(sql.joinpath("schema.sql").read_bytes()).hexdigest()
    migrations = {entry.name for entry in sql.joinpath("migrations").iterdir()}
    newer = sorted(name for name in migrations if name.endswith(".sql") and name > NEWEST)
    told = WHAT_TO_DO.format(
        installed=version("procrastinate"), release=RELEASE, newer=", ".join(newer) or "none"
    )
    assert NEWEST in migrations, told
    assert (newer, digest) == ([], SCHEMA_SHA256), told
