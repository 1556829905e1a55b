"""The command line: what it can be asked, the demo, and what a bug report needs."""
