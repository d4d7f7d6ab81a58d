"""Who belongs to the theatre: certificates, the authority's log and what follows from it. Pure.

`certificate` is one device's, `authority` the signed log of them, `theatre` what the log says now,
`enrolment` how a device gets in. Everything is checked with the authority's public key alone.
"""
