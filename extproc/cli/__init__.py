"""The ``extproc`` command. One file for each subcommand, loaded only when it is called."""
