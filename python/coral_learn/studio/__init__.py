"""The studio: teaching a project by showing, in a browser, on the machine that runs it."""
