"""Clips that are kept around decisions, so that a person can say what they were.

Going in: `rules` say which decisions are worth a clip, `sound` holds the latest audio and cuts it,
`output` puts both together, `writer` is its thread. `store` is the folder, within its limits and
for several processes at once; `names` are those of its files, `index` what was decided about each,
`lock` who may write. Going out: `review`.
"""
