"""`python -m gradjury` is the command `gradjury`."""

from gradjury.command import main

main()
