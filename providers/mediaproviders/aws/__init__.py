"""What every service of Amazon's needs: ``credentials``, a ``transport``, and what its ``errors`` mean.

``credentials`` come from boto3's chain, for boto3 itself and for the new SDKs; ``transport`` is the new SDKs' HTTP/2, a
connection for each stream; ``errors`` are those that no service has to itself.
"""
