"""
Words and phrases that tell something beyond their sense: data, by language.

They are regular expressions over texts in lower case: ignoring case takes twice the time.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from callscope.calls import Language

_END = r"(?!\w)"
"""The word ends here: ``휴`` is a sigh, ``휴대폰`` is a telephone."""
_NO_GREETING = r"(?!\W*(?:[你您]好|对|是|好|嗯|行|喂|可以|没错|谢))"
"""What follows is a greeting or a consent, so that ``哎`` is "yes" and ``嗨`` is "hi"."""

SIGHS: Mapping[Language, tuple[tuple[str, float], ...]] = MappingProxyType(
    {
        Language.ZH: (
            (r"唉+(?![声哟呦呀吔])", 0.8),
            (r"嗐+", 0.7),
            (r"哎+" + _END + _NO_GREETING, 0.5),
            (r"[唉哎]呀" + _END, 0.4),
            (r"嗨(?=\W+\w)" + _NO_GREETING, 0.4),
        ),
        Language.YUE: (
            (r"唉+(?![声聲哟喲呀吔])", 0.8),
            (r"哎+" + _END + r"(?!\W*(?:[你您]好|係|系|好|喂|得|多[谢謝]|唔[该該]))", 0.5),
            (r"[唉哎][呀吔]" + _END, 0.4),
        ),
        Language.JA: (
            (r"(?:ため息|溜め?息)" + _END, 0.8),
            (r"[はハ][ぁあァアー〜]+" + _END + r"(?!\W*[?？])(?!\W*そう)", 0.6),
            (r"[ふフ][ぅうゥウー〜]+" + _END, 0.6),
            (r"やれやれ" + _END, 0.6),
        ),
        Language.KO: (
            (r"(?:에휴+|에효+|후유+)" + _END, 0.8),
            (r"(?:어휴+|휴+)" + _END, 0.7),
            (r"하아*" + _END, 0.6),
            (r"아이[고구]야?" + _END, 0.5),
        ),
        Language.EN: (
            (r"sighs?(?=\W*$|[^\w\s])", 0.8),
            (r"ugh+" + _END, 0.7),
            (r"oh,? dear" + _END, 0.6),
        ),
    }
)
"""Sighs that are said, as they begin a text, each with how surely it is one. The surest first."""

KIND_WORDS: Mapping[Language, str] = MappingProxyType(
    {
        Language.ZH: r"谢谢|感谢|多谢|太好了|真棒|真不错|辛苦了",
        Language.YUE: r"多[谢謝]|感激|感[谢謝]|真係好|太好喇",
        Language.JA: r"ありがと|感謝|助かります|助かりました|うれし|嬉し",
        Language.KO: r"감사|고마워|고맙|다행이|최고예요",
        Language.EN: r"(?<!no )(?<!not )(?<!n't )\b(?:thanks?|wonderful|appreciate|excellent|lovely)\b",
    }
)
"""What one says in kindness."""

HARSH_WORDS: Mapping[Language, str] = MappingProxyType(
    {
        Language.ZH: r"垃圾|骗子|骗人|骗钱|混蛋|废物|恶心|气死|太差|差劲|什么玩意|太过分",
        Language.YUE: r"垃圾|呃人|呃[钱錢]|[废廢]柴|激死|好嬲|[离離][谱譜]|好差",
        Language.JA: r"ふざけ|最低|最悪|詐欺|うそつき|ウソつき|嘘つき|ひどい|酷い",
        Language.KO: r"사기꾼|사기를? ?당|최악|짜증|화가 나|화나|쓰레기|거짓말",
        Language.EN: r"\b(?:terrible|awful|scam|liars?|ridiculous|worst|rubbish|garbage|disgusting|useless|idiots?)\b",
    }
)
"""Insult and complaint."""

AGENT_PHRASES: Mapping[Language, str] = MappingProxyType(
    {
        Language.ZH: (
            r"为您服务|有什么(?:可以|能|需要)?帮|请问您?有什么|请问您?需要|帮您|给您|请您|您别|您放心"
            r"|您稍等|请稍等|感谢您的(?:来电|支持|耐心|等待|理解)|我是.{0,6}客服"
            r"|我们(?:一定|马上|立刻|会)|工号|给您添麻烦|还有(?:什么|其他).{0,4}帮"
        ),
        Language.YUE: (
            r"[为為]您服[务務]|[请請][问問]有[咩乜]|有[咩乜].{0,4}[帮幫]到?"
            r"|多[谢謝]你?(?:致[电電]|來電|来电)|我[帮幫]你|[对對]唔住|唔好意思.{0,2}[请請]"
            r"|[优優]惠券俾你|[请請]你?等[等陣阵]|我睇[下吓]"
        ),
        Language.JA: (
            r"お電話ありがとう|でございます|承り|お待たせ(?:し|いた)|かしこまりました"
            r"|申し訳(?:ござい|あり)ません|お客様|ご迷惑|お調べ|すぐに調べ|お送りします|ご用件|担当の"
        ),
        Language.KO: (
            r"고객님|고객센터입니다|무엇을 도와|도와 ?드릴|상담[사원]|전화 ?주셔서|확인해 ?드리"
            r"|드리겠습니다|기다려 ?주셔서|죄송합니다만"
        ),
        Language.EN: (
            r"how (?:may|can) (?:i|we) (?:help|assist)|what can i do for you"
            r"|thank you for (?:calling|waiting|holding|your patience)|may i have|let me check"
            r"|we will send|i'?ll (?:check|look into)|bear with me|is there anything else"
        ),
    }
)
"""What those say who are paid for the call."""

CUSTOMER_PHRASES: Mapping[Language, str] = MappingProxyType(
    {
        Language.ZH: (
            r"我的(?:订单|快递|包裹|退款|货|钱|账户)|我要(?:退款|退货|换货|投诉|给?差评)|我不要"
            r"|我[想要](?:问|咨询|查)|我买的|我订的|我上(?:个|周|次).{0,4}买"
            r"|你们(?:的|家|怎么|又|到底|发错)|给差评|转人工|还没(?:有)?(?:发货|收到|到账)|凭什么"
            r"|没人(?:管|理)"
        ),
        Language.YUE: (
            r"我(?:嘅|個|个)(?:[订訂][单單]|速[递遞]|包裹|退款)|我要(?:退款|退[货貨]|投[诉訴])"
            r"|我想(?:問|问|查)|你[哋地](?:嘅|[点點]解|又)|[买買]嘅|仲未(?:到|收)|冇人理|[点點]解我"
        ),
        Language.JA: (
            r"注文した|届いて(?:い)?ません|届きません|返金して|返品したい|解約したい|壊れて"
            r"|困って(?:い)?ます|キャンセルしたい|いつ届き|聞きたいん|お聞きしたい"
        ),
        Language.KO: (
            r"제가 ?(?:주문|산|시킨)|주문한|환불해|반품하|취소하고|아직(?:도)? ?안 ?(?:왔|와)|고장 ?났"
            r"|문의 ?드리|너무 늦|빨리 해 ?주"
        ),
        Language.EN: (
            r"\bmy (?:\w+ )?(?:order|parcel|package|refund|account|bill|delivery)\b"
            r"|i(?:'d| would) like (?:a refund|to (?:return|cancel|complain))"
            r"|i want (?:a refund|my money|to (?:return|cancel|complain|speak))|i (?:ordered|bought)"
            r"|has(?:n't| not) arrived|still waiting|is broken"
        ),
    }
)
"""What those say who called because of something."""
