"""The commands of the command line, a module for each family, imported when one of them runs."""
