"""MQTT, and Home Assistant over it: `mqtt` is the output, `link` keeps the connection up.

`settings` says where and as whom, `home_assistant` what is said.
"""
