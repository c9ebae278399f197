from itertools import pairwise
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callscope.calls import Entity, EntityKind, Language, Role, Segment
from callscope.meaning.entities import find_entities
from callscope.meaning.entities.digits import find_runs
from callscope.meaning.entities.folding import fold
from callscope.meaning.entities.shapes import MIN_PROBABILITY, SHAPES
from tests.unit.meaning.entities.speech import DIGITS, ORDER, segment, spell

pytestmark = pytest.mark.unit

ORDER_NUMBER, COUPON, PHONE, ID_NUMBER, CARD_NUMBER, EMAIL = EntityKind

ZH, EN, YUE, JA, KO = Language.ZH, Language.EN, Language.YUE, Language.JA, Language.KO


def found(text: str, language: Language = ZH) -> list[tuple[EntityKind, str]]:
    return [(entity.kind, entity.value) for entity in find_entities([segment(text, language)])]


def only(text: str, language: Language = ZH) -> Entity:
    (entity,) = find_entities([segment(text, language)])
    return entity


@pytest.mark.parametrize(
    ("language", "text", "kind", "value"),
    [
        (ZH, "好，订单号，202611183574。", ORDER_NUMBER, "202611183574"),
        (ZH, "订单号 2023 0815 9012", ORDER_NUMBER, "202308159012"),
        (ZH, "订单号是２０２３－０８１５－９０１２", ORDER_NUMBER, "202308159012"),
        (ZH, "20230815这个订单", ORDER_NUMBER, "20230815"),
        (YUE, "訂單號碼係九八七六五四三二一零", ORDER_NUMBER, "9876543210"),
        (EN, "Yes, the number is 481205937716.", ORDER_NUMBER, "481205937716"),
        (EN, "Oh, order two zero two three, double one one eight, 3574", ORDER_NUMBER, "202311183574"),
        (JA, "二〇二三〇八一五九〇一二の注文です", ORDER_NUMBER, "202308159012"),
        (JA, "注文番号はイチ、ニ、サン、ヨン、ゴ、ロク、ナナ、ハチです", ORDER_NUMBER, "12345678"),
        (KO, "네, 번호는 350912478806입니다.", ORDER_NUMBER, "350912478806"),
        (KO, "주문번호는 삼오공구일이사칠팔팔공육이에요", ORDER_NUMBER, "350912478806"),
        (ZH, "我的手机是幺三八零零洞幺二三四五", PHONE, "13800012345"),
        (ZH, "请加+86 138 0013 8000", PHONE, "+8613800138000"),
        (YUE, "電話二三四五 六七八九", PHONE, "23456789"),
        (YUE, "你打2345 6789啦", PHONE, "23456789"),
        (JA, "電話番号は090の1234の5678です", PHONE, "09012345678"),
        (KO, "공일공에 일이삼사에 오육칠팔이요", PHONE, "01012345678"),
        (EN, "call me at (415) 555-2671", PHONE, "4155552671"),
        (EN, "plus four four two oh seven nine four six oh nine five eight", PHONE, "+442079460958"),
        (ZH, "电话号码系12345678", PHONE, "12345678"),
        (ZH, "身份证号11010519491231002X", ID_NUMBER, "11010519491231002X"),
        (ZH, "幺幺零幺零五幺九四九幺二三幺零零二x", ID_NUMBER, "11010519491231002X"),
        (ZH, "360426 19910101 0071", ID_NUMBER, "360426199101010071"),
        (YUE, "A123456(3)", ID_NUMBER, "A1234563"),
        (YUE, "身份證係 a 一二三四五六 括號三", ID_NUMBER, "A1234563"),
        (EN, "my ID card is G 123456 A", ID_NUMBER, "G123456A"),
        (KO, "주민등록번호 900101-1234568", ID_NUMBER, "9001011234568"),
        (JA, "マイナンバーは6214 9832 0257です", ID_NUMBER, "621498320257"),
        (ZH, "卡号4111 1111 1111 1111", CARD_NUMBER, "4111111111111111"),
        (EN, "it is 3782 822463 10005", CARD_NUMBER, "378282246310005"),
        (EN, "card number 4111-1111-1111-1112", CARD_NUMBER, "4111111111111112"),
        (ZH, "13800138000@qq.com", EMAIL, "13800138000@qq.com"),
        (EN, "write to John.Smith@Example.co.uk.", EMAIL, "john.smith@example.co.uk"),
        (EN, "my email is john dot smith at gmail dot com thanks", EMAIL, "john.smith@gmail.com"),
        (EN, "e-mail j o underscore one two at my dash shop dot co dot uk", EMAIL, "jo_12@my-shop.co.uk"),
        (ZH, "邮箱一二三四五六艾特qq点com", EMAIL, "123456@qq.com"),
        (EN, "john@gmail dot com", EMAIL, "john@gmail.com"),
        (ZH, "ｔｅｓｔ＠ｑｑ．ｃｏｍ", EMAIL, "test@qq.com"),
        (JA, "メールはtaro.yamadaアットマークyahooドットcoドットjpです", EMAIL, "taro.yamada@yahoo.co.jp"),
        (KO, "이메일은 minsu 골뱅이 네이버 닷컴이에요", EMAIL, "minsu@naver.com"),
        (ZH, "再送您满300减50的优惠券", COUPON, "满300减50"),
        (ZH, "满30减50", COUPON, "满30减50"),
        (ZH, "满三百减五十", COUPON, "满300减50"),
        (ZH, "每满一千二，立减三百五", COUPON, "每满1200减350"),
        (ZH, "满一万零五百减两百零五", COUPON, "满10500减205"),
        (ZH, "满三零零减五零", COUPON, "满300减50"),
        (ZH, "300减50的优惠券", COUPON, "满300减50"),
        (YUE, "滿300元減50", COUPON, "满300减50"),
        (EN, "you get 50 dollars off when you spend $300", COUPON, "满300减50"),
        (EN, "fifty off orders over three hundred and fifty", COUPON, "满350减50"),
        (EN, "ten off two thousand one hundred", COUPON, "满2100减10"),
        (EN, "spend 1,000 and save 100", COUPON, "满1000减100"),
        (JA, "3千円以上のお買い上げで五百円割引", COUPON, "满3000减500"),
        (JA, "300円ごとに50円引き", COUPON, "每满300减50"),
        (KO, "300원 이상 50원 할인", COUPON, "满300减50"),
        (KO, "삼만 원 이상 구매 시 오천오 원 할인", COUPON, "满30000减5005"),
    ],
)
def test_found(language: Language, text: str, kind: EntityKind, value: str) -> None:
    assert found(text, language) == [(kind, value)]


@pytest.mark.parametrize(
    ("language", "text"),
    [
        (ZH, ""),
        (ZH, "等了二十分钟，三百块，一二三"),
        (ZH, "20260815"),
        (ZH, "十减三，满意，满三百"),
        (ZH, "1234567890123456"),
        (EN, "I waited 3 days, 5 hours, at 192.168.100.200"),
        (EN, "the score is one two three four five six"),
        (EN, "is a 1234563 part"),
        (EN, "meet me at noon, dot com"),
        (JA, "さんにんにごしょうかいします"),
        (KO, "이사 오일 일이 있어요, 사이 구이"),
        (KO, "9002301234567"),
    ],
)
def test_not_found(language: Language, text: str) -> None:
    assert found(text, language) == []


def test_several_in_one_text_are_told_in_order() -> None:
    text = "手机13812345678，订单号202308159012，2个，满300减50，a@b.com"
    assert found(text) == [
        (PHONE, "13812345678"),
        (ORDER_NUMBER, "202308159012"),
        (COUPON, "满300减50"),
        (EMAIL, "a@b.com"),
    ]


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("订单号202308159012", "********9012"),
        ("手机13812345678", "*******5678"),
        ("+8613812345678", "**********5678"),
        ("11010519491231002X", "**************002X"),
        ("卡号4111 1111 1111 1111", "************1111"),
        ("john.smith@example.com", "j***@example.com"),
        ("满300减50", "满300减50"),
    ],
)
def test_masked(text: str, masked: str) -> None:
    assert only(text).masked_value == masked


@given(st.from_regex(r"(订单号|手机|卡号|身份证|)[0-9]{8,20}", fullmatch=True))
def test_no_mask_shows_more_than_four_digits(text: str) -> None:
    for entity in find_entities([segment(text)]):
        assert len(entity.masked_value) == len(entity.value)
        assert entity.masked_value[:-4] == "*" * (len(entity.value) - 4)


@given(st.from_regex(r"[a-z]{2,20}@[a-z]{1,9}\.com", fullmatch=True))
def test_a_masked_address_tells_nothing_but_its_first_letter_and_domain(address: str) -> None:
    local, domain = address.split("@")
    assert only(address).masked_value == f"{local[0]}***@{domain}"


SPOKEN = st.tuples(st.sampled_from(list(DIGITS)), st.randoms(use_true_random=False))


@given(SPOKEN, st.from_regex(r"[0-9]{8,20}", fullmatch=True))
def test_digits_that_were_said_are_read_back(spoken: tuple[Language, Random], digits: str) -> None:
    language, random = spoken
    text = fold(spell(digits, language, random))
    (run,) = find_runs(text, 0)
    assert "".join(figure.digits for figure in run.figures) == digits
    assert (run.figures[0].start, run.figures[-1].end) == (0, len(text))


@given(SPOKEN, st.from_regex(r"[0-9]{12}", fullmatch=True))
def test_an_order_number_that_was_said_is_found_where_it_was_said(spoken: tuple[Language, Random], digits: str) -> None:
    language, random = spoken
    said = spell(digits, language, random)
    text = ORDER[language].format(said)
    entity = only(text, language)
    assert (entity.kind, entity.value) == (ORDER_NUMBER, digits)
    assert text[entity.start_char : entity.end_char] == said


PIECES = st.sampled_from(
    [
        *"0123456789零〇一二三幺两いちにさんご일이삼공 ,，.。-+@()（）xXaA",
        *(" one", " double", " oh", " at ", " dot ", "com", "点", "艾特", "满", "减", "元", "off", "订单号", "电话"),
        *("身份证", "card", "이상", "할인", "円以上", "円引き", "spend ", "hundred ", "千", "万", "个", "嗯"),
    ]
)
TEXTS = st.one_of(st.text(), st.lists(PIECES, max_size=40).map("".join))


@given(st.lists(st.tuples(TEXTS, st.sampled_from(Language), st.integers(0, 1)), max_size=4))
def test_whatever_is_said_every_entity_lies_in_its_text_and_time(said: list[tuple[str, Language, int]]) -> None:
    segments = [
        segment(text, language, channel=channel, start_ms=1_000 * number, end_ms=1_000 * number + 900)
        for number, (text, language, channel) in enumerate(said)
    ]
    entities = find_entities(segments)
    for entity in entities:
        at = segments[entity.segment_no]
        assert 0 <= entity.start_char < entity.end_char <= len(at.text)
        assert at.start_ms <= entity.start_ms <= entity.end_ms <= segments[-1].end_ms
        assert MIN_PROBABILITY <= entity.probability <= 1
        assert entity.value.isascii() or entity.kind is COUPON
    places = [(entity.segment_no, entity.start_char, entity.end_char) for entity in entities]
    assert places == sorted(places)
    for (number, _, end), (next_number, next_start, _) in pairwise(places):
        assert number < next_number or end <= next_start


@given(st.text())
def test_folding_keeps_places(text: str) -> None:
    assert len(fold(text)) == len(text)


def agent(text: str, *, start_ms: int = 0) -> Segment:
    return segment(text, channel=0, role=Role.AGENT, start_ms=start_ms)


def test_a_question_tells_what_the_answer_is() -> None:
    asked = find_entities([agent("请您告诉我订单号。"), agent("嗯。"), segment("好，20260815")])
    assert [(entity.kind, entity.value, entity.probability) for entity in asked] == [(ORDER_NUMBER, "20260815", 0.6)]
    (address,) = find_entities([agent("What is your e-mail?"), segment("It's bo at example dot com", EN)])
    assert address.probability == 0.8
    long_ago = [agent("请您告诉我订单号。"), agent("嗯。"), agent("好。"), segment("好，20260815")]
    assert find_entities(long_ago) == ()


def test_confidence_falls_without_a_word_for_it_and_when_it_was_said_digit_by_digit() -> None:
    named, alone = only("订单号202308159012"), only("202308159012")
    said = only("二零二三零八一五九零一二")
    assert named.probability > alone.probability > said.probability


def test_the_word_for_a_number_decides_what_it_is() -> None:
    assert only("订单号13812345678").kind is ORDER_NUMBER
    assert only("电话202308159012").kind is PHONE
    assert only("订单号4111111111111111").kind is ORDER_NUMBER


def pauses(*texts: str, pause_ms: int = 1_000, role: Role = Role.CUSTOMER) -> list[Segment]:
    segments, start_ms = list[Segment](), 0
    for text in texts:
        segments.append(segment(text, start_ms=start_ms, role=role))
        start_ms = segments[-1].end_ms + pause_ms
    return segments


def test_a_number_goes_on_over_pauses() -> None:
    segments = pauses("订单号是2026，", "1118", "3574，谢谢")
    (entity,) = find_entities(segments)
    assert entity.value == "202611183574"
    assert (entity.segment_no, entity.start_char, entity.end_char) == (0, 4, 8)
    assert (entity.start_ms, entity.end_ms) == (400, segments[2].start_ms + 400)
    assert entity.probability < only("订单号是202611183574").probability


def test_the_other_party_s_echo_does_not_part_a_number() -> None:
    first, second = segment("订单号是202611，"), segment("183574", start_ms=2_500)
    (entity,) = [each for each in find_entities([first, agent("嗯", start_ms=1_200), second]) if each.segment_no == 0]
    assert entity.value == "202611183574"


def test_two_whole_numbers_in_a_row_stay_two() -> None:
    values = [entity.value for entity in find_entities(pauses("订单号202611183574", "13812345678"))]
    assert values == ["202611183574", "13812345678"]


@pytest.mark.parametrize(
    "segments",
    [
        pauses("订单号2026", "11183574", pause_ms=5_001),
        pauses("订单号2026是吧", "1118"),
        pauses("订单号2026", "共1118"),
        [segment("订单号2026"), segment("1118", role=Role.AGENT, start_ms=900)],
        [segment("订单号2026"), segment("1118", channel=0, start_ms=900)],
    ],
    ids=["after a long pause", "words before the pause", "words after it", "another role", "another channel"],
)
def test_what_does_not_go_on_is_not_joined(segments: list[Segment]) -> None:
    assert "20261118" not in "".join(entity.value for entity in find_entities(segments))


def test_the_documentation_has_the_confidences() -> None:
    page = Path(__file__).parents[4].joinpath("docs", "entities.md").read_text("utf-8")
    for shape in SHAPES:
        row = f"| {shape.name} | `{shape.kind}` | {shape.alone:.2f} | {shape.asked:.2f} | {shape.named:.2f} |"
        assert row in page.splitlines()
