"""`maitred migrate`: bring every schema to the newest revision."""


def migrate() -> None:
    """Apply what is missing to DATABASE_URL, or to the embedded database of the running mesh."""
    from services.assembly.migrations import migrate_all, service_urls
    from services.assembly.running import database_url, state_folder
    from services.assembly.targets import configured_urls

    url = database_url()
    urls = service_urls(url, state_folder().ensure(), configured_urls())
    for moved in migrate_all(url, urls):
        print(moved)
    print("Every schema is at its newest revision.")
