"""The live web page: `web` is the output, `state` what pages are told, `hub` their queues.

`access` decides who may look, `app` answers, `server` is its thread; `static` is the page. `review`
is what the page can do with clips that are kept.
"""
