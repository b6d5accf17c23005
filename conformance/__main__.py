"""`python -m conformance`."""

from conformance.run import main

raise SystemExit(main())
