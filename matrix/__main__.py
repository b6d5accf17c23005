"""`python -m matrix`."""

from matrix.run import main

raise SystemExit(main())
