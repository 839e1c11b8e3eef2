"""The Asterisk modules that the rendered configuration loads, and which of them a call needs.

Found by removal on Asterisk 22.10: without one of ``REQUIRED`` there is no call, or a silent one.
"""

from collections.abc import Mapping
from typing import Final

from asterisk.params import FormatName

PRELOADED: Final = ("res_sorcery_config", "res_sorcery_memory", "res_sorcery_astdb")
"""Must be there before anything reads its configuration."""

REQUIRED: Final = (
    "pbx_config",
    "codec_ulaw",
    "codec_alaw",
    "res_rtp_asterisk",
    "bridge_simple",
    "res_pjproject",
    "res_pjsip",
    "res_pjsip_session",
    "res_pjsip_pubsub",
    "res_pjsip_sdp_rtp",
    "res_pjsip_endpoint_identifier_ip",
    "chan_pjsip",
    "res_http_websocket",
    "res_websocket_client",
    "res_stasis",
    "res_stasis_answer",
    "res_stasis_playback",
    "res_stasis_recording",
    "res_stasis_snoop",
    "app_stasis",
    "res_ari",
    "res_ari_model",
    "res_ari_applications",
    "res_ari_asterisk",
    "res_ari_bridges",
    "res_ari_channels",
    "res_ari_events",
    "res_rtp_multicast",
    "chan_rtp",
    "func_timeout",
)
"""What a call through the trunk to an external media leg needs, in an order that loads."""

OF_FORMAT: Final[Mapping[FormatName, tuple[str, ...]]] = {
    "alaw": (),
    "ulaw": (),
    "g722": ("codec_g722",),
    "slin": (),
    "slin16": ("codec_resample",),
}
"""What an external media leg of a format needs on top, to be joined with a trunk of G.711."""

TRUNK: Final = (
    "res_pjsip_outbound_registration",
    "res_pjsip_outbound_authenticator_digest",
    "res_pjsip_endpoint_identifier_user",
    "res_pjsip_authenticator_digest",
    "res_pjsip_registrar",
    "res_pjsip_caller_id",
    "res_pjsip_nat",
    "res_pjsip_refer",
    "res_pjsip_rfc3326",
    "res_pjsip_dtmf_info",
    "res_pjsip_header_funcs",
    "res_pjsip_logger",
)
"""Registering, authenticating, NAT, caller identity, transfer and the headers of a call."""

DIALPLAN: Final = (
    "app_stack",
    "app_playback",
    "app_dial",
    "app_echo",
    "app_exec",
    "func_channel",
    "func_callerid",
    "func_config",
    "func_cut",
    "func_dialplan",
    "func_logic",
    "func_strings",
)
"""Applications and functions which the rendered dialplan, common fallbacks and `doctor` use."""

FURTHER: Final = (
    "res_ari_endpoints",
    "res_ari_playbacks",
    "res_ari_recordings",
    "res_ari_sounds",
    "res_timing_timerfd",
    "codec_a_mu",
    "codec_resample",
    "codec_gsm",
    "codec_g722",
    "bridge_softmix",
    "bridge_holding",
    "func_talkdetect",
    "func_jitterbuffer",
    "format_wav",
    "format_pcm",
    "format_sln",
    "format_gsm",
)
"""Tones, recordings, announcements and bridges of more than two."""
