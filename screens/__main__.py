"""`python -m screens`."""

from screens.run import main

raise SystemExit(main())
