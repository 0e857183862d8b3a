"""What identifies by its form, whoever it is: numbers with checks, cues that a name follows, words that end a hospital.

Each rule is a function from folded text to spans of it. No regular expression here repeats a repetition, and every look
behind or ahead is bounded, so that time grows with the length of the text and no faster. Sources: GB 11643 (identity
number), GB/T 7408 and common use (dates), NANP and ITU-T E.164 (phones), 45 CFR 164.514(b)(2) (what counts).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from itertools import pairwise
from typing import Final

from leadglass.deid.text.fold import Folded
from leadglass.deid.text.kinds import Kind
from leadglass.deid.text.words import words

Hit = tuple[int, int, Kind]
Rule = Callable[[Folded], Iterator[Hit]]

_HAN: Final = r"[一-鿿㐀-䶿]"
_HAS_HAN: Final = re.compile(_HAN)
_HAS_DIGIT: Final = re.compile(r"\d")
_HAS_WORD: Final = re.compile(r"[A-Za-z]{2}")


def spans(folded: Folded) -> Iterator[Hit]:
    """What the rules find; spans may overlap. Dates are found by ``dates``."""
    lower = folded.lower
    digit = _HAS_DIGIT.search(lower) is not None
    if digit:
        for rule in _NUMBERS:
            yield from rule(folded)
    if "@" in lower or "." in lower or "\\" in lower or "/" in lower:
        for rule in _ADDRESSES_ONLINE:
            yield from rule(folded)
    if _HAS_HAN.search(lower):
        for rule in _CHINESE:
            yield from rule(folded)
    if _HAS_WORD.search(folded.cased):
        for rule in _LATIN:
            yield from rule(folded)


def _by(kind: Kind, pattern: str, *, check: Callable[[re.Match[str]], bool] | None = None, cased: bool = False) -> Rule:
    """A rule from a pattern: the group ``v`` or ``w``, or all of it, identifies, if ``check`` agrees."""
    compiled = re.compile(pattern)

    def rule(folded: Folded) -> Iterator[Hit]:
        for match in compiled.finditer(folded.cased if cased else folded.lower):
            if check is None or check(match):
                yield *match.span(match.lastgroup or 0), kind

    return rule


# Numbers


_WEIGHTS: Final = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


def identity_check_digit(first: str) -> str:
    """The eighteenth sign of a Chinese identity number from its first seventeen digits (GB 11643, ISO 7064 MOD 11-2)."""
    return "10x98765432"[sum(int(digit) * weight for digit, weight in zip(first, _WEIGHTS, strict=True)) % 11]


_SPLIT_NUMBER: Final = re.compile(r"(?<![\d.])\d(?:[ \-._]?\d){13,22}(?:[ \-._]?x)?(?![\da-z])")
_BIRTHDAY_18: Final = re.compile(r"[1-9]\d{5}(?:18|19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{3}[\dx]")
_BIRTHDAY_15: Final = re.compile(r"[1-9]\d{7}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{3}")


def _identity_numbers(folded: Folded) -> Iterator[Hit]:
    """Chinese identity numbers, with signs between.

    A wrong check digit spares none that has a birthday in it; a right one makes up for a birthday that is none.
    """
    for match in _SPLIT_NUMBER.finditer(folded.lower):
        number = re.sub(r"[^\dx]", "", match[0])
        checked = len(number) == 18 and number[17] == identity_check_digit(number[:17])
        if checked or _BIRTHDAY_18.fullmatch(number) or _BIRTHDAY_15.fullmatch(number):
            yield *match.span(), Kind.ID


def _nhs_numbers(folded: Folded) -> Iterator[Hit]:
    """NHS numbers, by their check digit (modulus 11)."""
    for match in re.finditer(r"(?<![\d.])\d{3}([ -])\d{3}\1\d{4}(?![\d])", folded.lower):
        digits = [int(each) for each in match[0] if each.isdigit()]
        if (11 - sum(digit * (10 - place) for place, digit in enumerate(digits[:9])) % 11) % 11 == digits[9]:
            yield *match.span(), Kind.ID


_EXTENSION: Final = r"(?: ?(?:x|ext\.?|extension|转|分机|-) ?\d{1,6}(?!\d))?"
_VALUE: Final = r"(?P<v>(?=[a-z\-_/.]{0,12}\d)[a-z\d][a-z\d\-_/.]{0,40}(?: (?=[\d\-]{0,19}\d)[\d\-]{2,20}){0,4}(?:\(\w\))?)"
_SEP: Final = r"(?:[ \t]{0,4}[:#=№.是为][ \t]{0,4}|[ \t]{1,4})"

_CUES_EN: Final = (
    r"(?:mrn|med(?:ical)? rec(?:ord)?(?: (?:number|no\.?|num|#))?|record (?:number|no\.?|#)|(?:patient|pat|pt"
    r"|study|exam|member|insurance"
    r"|subscriber|employee|staff|group|claim) ?id(?: (?:number|no\.?))?|acc(?:ession)?(?: ?(?:number|num|no\.?|#))?"
    r"|(?:case|chart|exam|order|account|acct|visit|policy|hospital|hosp|unit|reg(?:istration)?|ref(?:erence)?"
    r"|file|film|encounter"
    r"|claim|member|certificate|ticket) ?(?:number|num\.?|no\.?|#)|(?:policy|encounter|insurance|visit|account"
    r"|acct)(?= ?[:#])"
    r"|ssn|social security(?: (?:number|no\.?))?|nhs(?: (?:number|no\.?))?|medicare(?: (?:number|no\.?|id))?"
    r"|medicaid(?: (?:number|no\.?|id))?"
    r"|hkid|nric|passport(?: (?:number|no\.?))?|driver'?s? licen[cs]e(?: (?:number|no\.?))?|licen[cs]e (?:plate"
    r"|number|no\.?)"
    r"|number plate|vin|serial (?:number|no\.?)|s/n|imei|npi|dea(?: (?:number|no\.?))?)"
)
_CUES_HAN: Final = (
    r"(?:(?:住院|门诊|病案|病历|就诊|就诊卡|登记|检查|影像|放射|拍片|胶片|片|x ?线|x ?光|ct|mri?|dr|cr|申请单?"
    r"|条码|条形码|流水|医保|医保卡|社保|社保卡|社会保障"
    r"|保险|病理|标本|样本|身份证|证件|户口|学|工|编|序列|档案|患者|病人|体检|健康卡|诊疗卡|磁卡|银行卡|卡|床"
    r"|床位|单|账|案|车牌|军官证|护照|通行证|执业证)"
    r"(?:号码?|编号|id)|护照|通行证|台胞证|回乡证|身份证|驾驶证|驾照|军官证|医保卡|社保卡|编号|(?:微信|qq"
    r"|wechat)号?|条码|床)"
)


def _is_ip(match: re.Match[str]) -> bool:
    parts = match["v"].split(".")
    return all(int(part) < 256 for part in parts) and sum(len(part) > 1 for part in parts) >= 2


_COMPACT_DATE: Final = re.compile(
    r"(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?:(?:[01]\d|2[0-3])[0-5]\d(?:[0-5]\d)?)?"
)


def _is_no_date(match: re.Match[str]) -> bool:
    return _COMPACT_DATE.fullmatch(match[0]) is None


_NUMBERS: Final[tuple[Rule, ...]] = (
    _identity_numbers,
    _nhs_numbers,
    # Long numbers, whatever they are: nobody measures seven digits in a row.
    _by(
        Kind.ID,
        r"(?<![\d.a-z])[a-z]{0,6}[-_]?\d{7,}(?:[-_]\d{1,12}){0,3}x?(?![\d.]\d| ?(?:u\b|iu\b|units?\b|单位|万|/u?l"
        r"|个/))",
        check=_is_no_date,
    ),
    _by(Kind.ID, r"(?<![a-z])[a-z]\d{6,}[a-z]?(?![\da-z])"),
    _by(Kind.ID, r"(?<![a-z\d])[a-z]{1,2}\d{6}\([\da]\)"),
    _by(Kind.ID, r"(?<![\d-])\d{3}-\d{2}-\d{4}(?![\d-])"),
    _by(Kind.ID, r"(?<![\d.])(?!1\.2\.840\.10008\b)[0-2](?:\.(?:0|[1-9]\d{0,38})){5,30}(?![\d])"),
    _by(Kind.ID, rf"(?<![a-z]){_CUES_EN}{_SEP}(?:is )?{_VALUE}"),
    _by(Kind.ID, r"(?<![a-z])(?:id|no|nr|mrn|acc|ref)(?:\.?[:#=]| (?:no|number)[.:]?) {0,3}" + _VALUE),
    _by(Kind.ID, rf"{_CUES_HAN}[ :#是为]{{0,4}}{_VALUE}"),
    _by(
        Kind.ID,
        r"(?<![\d.])(?P<v>\d{1,3}床)|(?<![a-z])(?:bed|room|rm|cubicle)(?: (?:no\.?|number"
        r"|#))?[ :#]{1,3}(?P<w>\d{1,4}[a-z]?)\b",
    ),
    _by(
        Kind.ID,
        r"[京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼]"
        r"[a-hj-np-z][ ·.]?(?=[a-hj-np-z]{0,5}\d)[a-hj-np-z\d]{5,6}(?![a-z\d])",
    ),
    # Phones.
    _by(Kind.PHONE, r"(?<![\d.])(?:\+?86[ -]?)?1[3-9]\d(?:[ -]?\d{4}){2}(?!\d)"),
    _by(
        Kind.PHONE,
        r"(?<![\d.])(?:\+?86[ -]?)?(?:\(0\d{2,3}\) ?|0\d{2,3}[ -]|(?<=86[ -])\d{2,3}[ -])\d{3,4}[ -]?\d{4}(?!\d)"
        + _EXTENSION,
    ),
    _by(Kind.PHONE, r"(?<!\d)[48]00[ -]\d{3}[ -]\d{4}(?!\d)|(?<!\d)[48]00[ -]\d{4}[ -]\d{3}(?!\d)"),
    _by(Kind.PHONE, r"(?<![\d.])(?:\+?1[ .-])?(?:\([2-9]\d\d\) ?|[2-9]\d\d[ .-])\d{3}[ .-]\d{4}(?![\d.]\d|\d)" + _EXTENSION),
    _by(Kind.PHONE, r"(?<![\d+])(?:\+|\b00)[1-9]\d{0,2}(?:[ ().-]{0,2}\d){6,13}(?!\d)" + _EXTENSION),
    _by(Kind.PHONE, r"(?<!\d)0\d{3,4} \d{3} ?\d{3,4}(?!\d)"),
    _by(
        Kind.PHONE,
        r"(?:(?<![a-z])(?:tel|telephone|phone|mobile|cell|fax|pager|bleep|ext|extension)(?:\.| ?(?:no|number)\.?)?"
        r"|电话号?码?|手机号?码?|联系方式|传真|分机|转|短号)"
        r"[ :.#]{1,4}(?P<v>[+(]?\d(?:[ ().-]{0,2}\d){2,16})(?!\d)|(?:电话|手机|传真|分机"
        r"|转)(?P<w>\d(?:[ ().-]{0,2}\d){2,16})(?!\d)",
    ),
    _by(Kind.PHONE, r"(?:page|pager|call|dial|phone|tel|ext|at) (?P<v>x ?\d{3,6})\b"),
    # Times and ages.
    _by(Kind.TIME, r"(?<![\d.])(?<!\d:)(?:[01]?\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,6})?(?![\d:])"),
    _by(Kind.TIME, r"(?<![\d:.])(?:1[0-2]|0?\d)(?::[0-5]\d)? ?[ap]\.?m(?:\.|\b)"),
    _by(
        Kind.TIME,
        r"(?:[上下中]午|凌晨|晚上?|今晨)(?:[012]?\d)(?:[时点](?:[0-5]?\d分?|半)?|:[0-5]\d)"
        r"|(?<!\d)[012]?\d[时点][0-5]?\d分(?:[0-5]?\d秒)?",
    ),
    _by(Kind.AGE, r"(?<![\d.])(?:9\d|1[0-4]\d)(?: ?岁| ?周岁|[ -]?(?:years?|yrs?)[ -]?olds?|[ -]?y[./]?o\b| ?岁高龄)"),
    # Places with a number in them.
    _by(
        Kind.ADDRESS,
        r"(?:邮编|邮政编码|zip(?: code)?|postcode)[ :]{0,3}(?P<v>\d{5,6}(?:-\d{4})?"
        r"|[a-z]{1,2}\d[a-z\d]? ?\d[a-z]{2})(?![a-z\d])",
    ),
    _by(Kind.ADDRESS, r"\bp\.? ?o\.? box \d{1,6}"),
)

_ADDRESSES_ONLINE: Final[tuple[Rule, ...]] = (
    _by(
        Kind.EMAIL,
        r"(?<![\w.+-])[\w.+-]{1,64}(?:@| ?[(\[]at[)\]] ?)[a-z\d-]{1,63}(?:(?:\."
        r"| ?[(\[]dot[)\]] ?)[a-z\d-]{1,63}){1,5}",
    ),
    _by(Kind.URL, r"(?<![a-z])(?:https?|ftp|file|ldap|smb|dicom)://[^\s，。；、)\]一-鿿*\x7f]{1,300}"),
    _by(Kind.URL, r"(?<![a-z\d.])www\.[a-z\d-]{1,63}(?:\.[a-z\d-]{1,63}){1,5}(?:/[^\s，。；、一-鿿*\x7f]{0,200})?"),
    _by(
        Kind.URL,
        r"(?<![\d.])(?<!v)(?<!ver)(?<!version )(?<!syngo )(?P<v>\d{1,3}(?:\.\d{1,3}){3})(?:/\d{1,2}\b"
        r"|:\d{2,5}\b)?(?![\d.]\d|\d)",
        check=_is_ip,
    ),
    _by(Kind.URL, r"(?<![\\\w])\\\\[\w.-]{2,60}\\[\w$.-]{1,60}"),
    _by(
        Kind.NAME,
        r"(?:[\\/]users|[\\/]home|documents and settings)[\\/]{1,2}(?P<v>(?!public\b|shared\b"
        r"|default\b)[\w.\-]{2,40})",
    ),
)


# Chinese names, hospitals and places

_NOT_GIVEN: Final = frozenset(
    "患的了是在有无未不见行术后前痛性炎症肿瘤癌病肺胸腹部位侧查诊断治疗医院科室者因与和及或为于被把将给从对该此其本我你他她它们自己"
    "并但而且则即能已曾常左右双单片线影像号名性别男女年日时岁多少低增减轻重度主任师护士技员骨折块节结核型"
    "期级类型组织管腔壁膜液气血压热咳喘闷吸呼肝脾肾胃肠脑颈腰椎肢关手足足头面眼耳鼻口咽喉皮肤肌神经脉动静门诊急住出入转复"
    "氏法灶征囊样议考虑示请签字同意属已告知陪来去到说诉述称要做作用药量次支袋瓶体温物质改变楚模糊代送拿取昨今晚午"
)
"""Characters that do not stand in given names, or so much oftener elsewhere that a cue does not make them one."""
_NOT_NAMES: Final = re.compile(
    "管电|程度|程序|黄韧|钟摆|高血|高热|高龄|高烧|高度|高密|高清|高分|高年|高危|曾行|曾有|曾因|曾患|曾在|曾于"
    "|时有|时感|时伴|于今|于昨|于外|于我|于本|方可|平卧|平扫|平片|左侧|左肺|左上|左下|左肩|左膝|全身|全麻|全肺"
    "|全脊|全科|全景|连续|安静|安置|常规|常有|白细|白片|黄疸|黄染|黄斑|黄体|黄骨|黄色|黄曲|黄金|水肿|温度|石膏"
    "|金属|单侧|单发|单纯|任何|应用|应予|能够|张口|张力|马蹄|林格|向家|向患|向上|向下|康复|成人|成像|成形|古稀"
    "|明显|项目"
    "|后前|后续|管床|路过|支气|支架|查体|查房|查看|查无|别无|经皮|贝氏|何杰|霍奇|库欣|帕金|柯氏|许莫|白塞|雷诺"
    "|马凡|骆驼|井喷|花斑|步态|容积|从事|计划|计算|解剖|解放|强化|强回|强直|党员|干部|农民|工人|学生"
    "|值班|上级|下级|经治|全部|祖父|祖母|公公|婆婆|母亲|父亲|姐姐|哥哥|弟弟|妹妹|家属|家人|家长|本人|陪同|签字"
    "|签名|有关|相关|无关|关节|关系|关于|关注|钟情|钟点|相片|连同|宁可|易于|易患|尤其|云雾|云絮|米粒"
    "|毛玻|毛刺|毛糙|牛奶|石棉|骨质|房颤|房间|房室|车祸|车间|柱状|空洞|空腔|孔洞|江湖|景象|景深|祝您|祝好|符合"
    "|冷刀|冷汗|宫颈|宫腔|谷丙|谷草|宣教|居中|凌晨|扬声|司机|终末|顾虑|顾及|晏起|阳性|阴性|汤剂"
    "|钱币|水平|水样|万单|万古|戴镜|费用|席位|丁香|焦虑|凌乱|包块|包裹|包膜|包埋|麻醉|麻木|贺卡|莫西|利尿|段落"
    "|汪洋|危重|危急|邢台"
)


@lru_cache(maxsize=1)
def _surname() -> str:
    lists = words()
    return f"(?:{'|'.join(sorted(lists.compound_surnames))}|[{''.join(sorted(lists.surnames))}])"


_COMMON_SURNAMES: Final = (
    "王李张刘陈杨赵黄周吴徐孙朱胡林郭何罗梁宋郑谢韩唐冯董萧曹袁程邓许傅沈彭吕苏卢蒋蔡贾丁魏薛阎"
    "余潘杜戴夏汪田任姜范谭廖邹熊陆郝崔邱秦江顾侯邵孟武钱尹黎乔赖龚施洪翟樊殷倪严"
)
"""Surnames that begin few other words: enough to take three characters by themselves for a name."""

_STRONG: Final = (
    r"(?:姓 ?名|患者姓名|病人|患者|家属|联系人|监护人|法定代理人|(?:主管|报告|审核|诊断|检查|申请|主治|住院"
    r"|主任|副主任|接诊|首诊|经治|管床|值班|会诊|复核|书写|审签|送检|手术|麻醉|操作|阅片|上级|进修|影像|放射"
    r"|超声|急诊)?(?:医师|医生|大夫)"
    r"|技师|技术员|摄片技师|检查技师|操作者|操作员|操作人|登记员|登记人|录入员|录入|录入者|记录者|记录人"
    r"|护士长?|责任护士|主刀|术者|助手|一助|二助|签名|签字|签发|审核|审核者|审核人|报告者|报告人|诊断者|检查者"
    r"|申请者|申请人|阅片者|阅片人|会诊者|送检者"
    r"|(?:报告|审核|诊断|检查|申请|阅片|会诊|送检|操作|登记|录入|记录|摄片|书写|复核|签发|执行|核对|陪护|陪同"
    r"|联系|责任|经手|接收|通知)[人者员]|记录|核对|复核|摄片|书写|父亲|母亲|儿子|女儿|妻子|丈夫|配偶|姐姐|哥哥"
    r"|弟弟|妹妹|其[父母子女妻夫兄弟姐妹]|爱人|本人|陪同者|陪护|负责人|经手人|主任|院长|教授)"
)
_WEAK: Final = (
    r"(?:患者|病人|患儿|产妇|伤者|姓名|家属|医师|医生|大夫|技师|护士长?|教授|主刀|[其之][父母子女妻夫兄弟姐妹]"
    r"|(?:报告|审核|诊断|检查|申请|阅片|送检|登记|录入|记录|摄片|书写|复核|核对|陪护|经手|联系)[人者员]|父亲"
    r"|母亲|儿子|女儿|妻子|丈夫|老伴|爱人|名叫|叫做|联系人|监护人|操作员|操作者|登记员|签名|审核|报告者)"
)
_STOP_AFTER: Final = (
    r"(?=[^一-鿿·]|$|[男女](?![儿士性])|医生|医师|大夫|主任|教授|护士|先生|女士|小姐|主诉|因|于|诉|同意|签|陪"
    r"|述|审核|报告|会诊|复查|会签|已|告知|代|的|，|来|自|就诊|入院|出院|住院|右|左|胸|突|无|有|发|咳|反复|车祸"
    r"|外伤|摔|跌|术|电话|联系|通知|打|查|在|将|为|已)"
)


@lru_cache(maxsize=1)
def _han_name_patterns() -> tuple[tuple[re.Pattern[str], bool], ...]:
    """Patterns with the name in ``v``, and whether the cue is so strong that the name need not look like one."""
    surname, compound = _surname(), "|".join(sorted(words().compound_surnames))
    sound = f"[一-鿿](?<![{''.join(sorted(_NOT_GIVEN))}])"
    minority = rf"(?:{sound}){{1,8}}(?:·(?:{sound}){{1,8}}){{1,4}}"
    compiled = re.compile
    return (
        # A cue and a colon: whatever stands there up to a sign.
        (
            compiled(
                rf"{_STRONG}[ )]{{0,2}}[:：][ \t]{{0,8}}(?P<v>{minority}|{_HAN}{{2,5}}?)(?=[^一-鿿·]|$|性别|年龄|[男女]|医师"
                rf"|医生|主任|审核|报告|签|日期|电话|科室)"
            ),
            True,
        ),
        (compiled(rf"(?:姓名|签名|医师|医生|技师)[ \t]{{1,8}}(?P<v>{minority}|{surname}{_HAN}{{1,2}}){_STOP_AFTER}"), False),
        (
            compiled(
                rf"(?:报告|审核|录入|签发|诊断|检查|复核)[:：][ \t]{{0,4}}(?P<v>{surname}{_HAN}{{1,2}})(?=[^一-鿿·]|$|审核"
                rf"|报告|日期)"
            ),
            False,
        ),
        (compiled(rf"{_WEAK}[ \t]{{0,3}}(?P<v>{minority}|{surname}{_HAN}{{1,2}}?){_STOP_AFTER}"), False),
        (compiled(rf"(?P<v>{minority})"), True),
        # A title behind.
        (
            compiled(
                rf"(?<!主)(?P<v>{surname}(?:{_HAN}{{1,2}}|某{{1,2}})?)(?=副?主任|医生|医师|大夫|教授|护士|先生|女士|小姐"
                rf"|老师|院长|主治|技师|阿姨|大爷|大妈|师傅|同志|老人)"
            ),
            False,
        ),
        # 老张, 小王, where no part of the body begins like that.
        (
            compiled(
                r"(?<![一-鿿])(?P<v>[老小阿][王李张刘陈杨赵周吴徐孙朱胡林郭何罗郑谢唐韩冯邓曹彭蔡潘董袁蒋余杜苏吕魏任卢姚沈姜崔谭陆汪范廖孟邱侯熊邹秦贾薛夏钱])(?=[^一-鿿]"
                r"|$|[的说来去述诉已于同打陪家医大师告电复来])"
            ),
            True,
        ),
        (
            compiled(
                r"(?:患者|病人|由|请|找|给|向|与|同事|让"
                r"|叫)(?P<v>[老小阿][王李张刘陈杨赵周吴徐孙朱胡林郭何罗郑谢唐韩冯邓曹彭蔡潘董袁蒋余杜苏吕魏任卢姚沈姜崔谭陆汪范廖孟邱侯熊邹秦贾薛夏钱])"
            ),
            True,
        ),
        # A value that is a name and nothing else, or a name beside something that is no Chinese.
        (
            compiled(rf"(?<![一-鿿·a-z\d])(?P<v>[{_COMMON_SURNAMES}]{_HAN}{{2}}|(?:{compound}){_HAN}{{1,2}})(?![一-鿿·])"),
            False,
        ),
        # Before what only people do.
        (compiled(rf"(?<![一-鿿·])(?P<v>{surname}{_HAN}{{1,2}})(?=签|审核|复核|阅片|代述|代诉|陪同|会诊)"), False),
    )


_SOUNDS: Final = frozenset("尔曼可尼维森斯特克夫德姆莱格伯诺罗卡顿杰金布鲁基奇赫勒内利蒂兰贝")
"""Characters that write the sounds of foreign names; two of them behind a surname are rather an eponym."""


def _han_names(folded: Folded) -> Iterator[Hit]:
    for pattern, sure in _han_name_patterns():
        for match in pattern.finditer(folded.lower):
            name = match["v"]
            if name in words().not_signed_han or any(
                name.startswith(word) or name.endswith(word) for word in ("医师", "医生", "不详", "未知", "护士")
            ):
                continue
            given = _given(name)
            if not sure and (
                _NOT_NAMES.match(name) or not _NOT_GIVEN.isdisjoint(given) or (len(given) > 1 and _SOUNDS.issuperset(given))
            ):
                continue
            yield *match.span("v"), Kind.NAME


def _given(name: str) -> str:
    return name[2:] if name[:2] in words().compound_surnames else name[1:]


_HOSPITAL: Final = re.compile(
    rf"(?:{_HAN}|\d){{2,20}}?(?:医院|卫生院|卫生所|卫生室|卫生服务站|卫生服务中心|诊所|医科大学|医学院|保健院"
    rf"|保健所|疗养院|体检中心|急救中心|医疗中心|医学中心|影像中心|诊断中心|检验中心|检验所|康复中心|血液中心"
    rf"|护理院|福利院|养老院|敬老院|疾控中心|疾病预防控制中心|门诊部|防治院|防治所|研究所|总医院"
    rf"|健康管理中心)(?:{_HAN}{{1,4}}(?:院区|分院))?"
)
_CUT: Final = re.compile(
    "(?:就诊于|转诊|转院|转来|来自|于|在|到|至|由|从|自(?!治)|往|赴|去|转|送|见|是|为|与|及"
    "|(?<![协仁平人安])和(?![平田谐睦济])|曾|的|经(?!济|十路)|[，、。]|外院|我院|本院|原|系|入住|住(?!院)|患者"
    "|家属|职业|医生|护士|工作|年|月|日|号)"
)
_SUFFIX: Final = re.compile(
    "(?:医院|卫生院|卫生所|卫生室|卫生服务站|卫生服务中心|诊所|医科大学|医学院|保健院|保健所|疗养院|体检中心"
    "|急救中心|医疗中心|医学中心|影像中心|诊断中心|检验中心|检验所|康复中心|血液中心|护理院|福利院|养老院"
    "|敬老院|疾控中心|疾病预防控制中心|门诊部|防治院|防治所|研究所|总医院|健康管理中心).*"
)


def _hospitals(folded: Folded) -> Iterator[Hit]:
    for match in _HOSPITAL.finditer(folded.lower):
        text = match[0]
        own = _SUFFIX.sub("", text)
        start = 0
        for cut in _CUT.finditer(own):
            start = cut.end()
        own = own[start:]
        if own and own not in words().generic_hospitals and not (len(own) < 2 and "人民" not in own):
            yield match.start() + start, match.end(), Kind.INSTITUTION


@lru_cache(maxsize=1)
def _nicknames() -> re.Pattern[str]:
    names = "|".join(sorted(words().hospital_nicknames, key=len, reverse=True))
    return re.compile(
        rf"(?:(?<=[于在到去至从自由])|(?<=转诊)|(?<=曾经))(?P<v>(?<!\d)(?:{names})(?:医院|院)?)(?=[^\d])"
        rf"|(?<!\d)(?P<w>(?:{names}))(?=医院|会诊|门诊|就诊|复查|手术|住院|放射|(?:ct|mr|dr|x线|病理|胸片)(?:[^a-z]|$))"
    )


_TAIL: Final = (
    r"(?:[^\W_患者因的于有见肺部检查胸腹左右侧病医痛骨折增高低影就诊家属在]{0,7}?(?:\d{1,5}号楼?"
    r"|[区县旗镇乡村路街巷弄里栋幢楼室州]|大道|胡同|单元|小区|公寓|花园|大厦|牧场|林场|农场|广场|新村|社区|街道"
    r"|组|队)院?){0,7}"
)
_ORDINARY_PLACE: Final = re.compile(
    r"北京型|北京株|北京时间|上海产|长春新碱|长春碱|长春瑞滨|长春花|长春地辛|中山装|大同小异|南京长江|香港脚"
    r"|河南洛"
)


@lru_cache(maxsize=1)
def _places() -> tuple[re.Pattern[str], ...]:
    lists = words()
    provinces, cities = "|".join(lists.provinces), "|".join(sorted(lists.cities, key=len, reverse=True))
    unit = r"(?:省|市|特别行政区|(?:壮族|回族|维吾尔)?自治区|地区|自治州|盟)"
    place = rf"(?:{provinces}|{cities}){unit}?"
    building = r"(?:\d{1,4}号院?)?(?:\d{1,4}号楼|\d{1,4}[栋幢楼])?(?:\d{1,3}单元)?(?:\d{1,3}层)?(?:\d{1,5}室?)?"
    return (
        re.compile(rf"(?:{place}){{1,3}}{_TAIL}(?:\d{{1,5}}(?:号|室))?"),
        re.compile(
            rf"(?:[^\W\d_患者因的于有见位住在现至到]{{1,6}}?(?:路|街|大道|巷|胡同|弄|里|村|小区|花园|公寓|新村|苑"
            rf"|城))\d{{1,5}}(?:号|弄|栋|幢|组|队|单元){building}"
        ),
        re.compile(r"(?<!\d)\d{1,4}(?:栋|幢|号楼)(?:\d{1,3}单元)?\d{2,5}(?:室|房)?"),
        re.compile(
            r"(?:家庭|现|通讯|联系|户籍|户口|工作单位|单位)?(?:住址|地址|所在地"
            r"|工作单位)[ ]{0,2}[:是为][ ]{0,4}(?P<v>[^\n,;，；。、*\x7f]{2,60})"
        ),
        re.compile(
            r"(?:家住|现住|居住在|居住于|住在|居于|长住|常住|租住在|户籍|籍贯)[ :]{0,4}(?P<v>(?!院|养老|宿舍|农村|我|本"
            r"|院内|址|地址|为)[^\s,;，；。、:(（*\x7f]{2,40})"
        ),
        re.compile(rf"(?<={'[来住在到去从回自]'})(?P<v>{_HAN}{{1,4}}(?:县|镇|乡|村)(?:{_HAN}{{1,3}}(?:村|组|队))?)"),
    )


def _han_places(folded: Folded) -> Iterator[Hit]:
    lists = words()
    for number, pattern in enumerate(_places()):
        for match in pattern.finditer(folded.lower):
            text = match[0]
            if number == 0 and (
                text in lists.provinces[4:]
                or text in lists.ambiguous_cities
                or _ORDINARY_PLACE.match(folded.lower, match.start())
            ):
                continue
            yield *match.span("v" if "v" in match.groupdict() else 0), Kind.ADDRESS


def _han_nicknames(folded: Folded) -> Iterator[Hit]:
    for match in _nicknames().finditer(folded.lower):
        yield *match.span("v" if match["v"] else "w"), Kind.INSTITUTION


_CHINESE: Final[tuple[Rule, ...]] = (_han_names, _hospitals, _han_nicknames, _han_places)


# Latin names, hospitals and places

_CAP: Final = r"[A-Z][A-Za-zÀ-ɏ'’]*(?:-[A-Z][A-Za-z'’]*)?"
_NAME: Final = (
    rf"(?:(?:(?:von|van|de|der|den|da|di|la|le|el|al|bin|ibn|del|dos|du) ){{1,2}}{_CAP}|[A-Z]\."
    rf"|{_CAP})(?:,? {{0,2}}(?:[A-Z]\.|{_CAP}|(?:von|van|de|der|den|da|di|la|le|el|al|bin|ibn|del"
    rf"|dos)(?= ))){{0,4}}"
)
_DEGREE: Final = (
    r"(?:M\.?D\.?|D\.?O\.?|R\.?N\.?|N\.?P\.?|P\.?A\.?(?:-C)?|Ph\.?D\.?|FRCR|FACR|MBBS|MBChB|DDS"
    r"|R\.?T\.?(?:\(R\))?|RRA|CRNA|LPN)"
)
_ROLE: Final = (
    r"(?:[Rr]eferring|[Rr]equesting|[Rr]eading|[Oo]rdering|[Aa]ttending|[Pp]erforming|[Rr]eporting"
    r"|[Rr]esponsible|[Pp]rimary [Cc]are|[Cc]onsulting|REFERRING|REQUESTING|READING|ORDERING|ATTENDING"
    r"|PERFORMING|REPORTING)"
    r"(?: (?:[Pp]hysician|[Dd]octor|[Rr]adiologist|[Cc]linician|MD|Md|PHYSICIAN|DOCTOR|RADIOLOGIST))?"
    r"|(?:[Pp]atient|[Pp]t|PATIENT|PT)(?:'s)?(?: (?:[Nn]ame|NAME))?|[Nn]ame|NAME|[Ff]ull [Nn]ame"
    r"|[Ll]ast [Nn]ame|[Ff]irst [Nn]ame|[Ss]urname|[Mm]aiden [Nn]ame"
    r"|[Rr]adiologist|RADIOLOGIST|[Tt]echnologist|TECHNOLOGIST|[Tt]ech(?:nician)?|TECH|[Oo]perator|OPERATOR"
    r"|[Pp]hysician|PHYSICIAN|[Ss]urgeon|SURGEON|[Rr]esident|RESIDENT|[Cc]onsultant|[Aa]ttending"
    r"|[Rr]adiographer|RADIOGRAPHER|[Ss]onographer|SONOGRAPHER|[Mm]ammographer|[Aa]nesthesiologist"
    r"|[Cc]ardiologist|[Oo]ncologist|[Nn]eurologist|[Ff]ellow|[Ii]ntern|[Rr]egistrar|[Tt]rainee|[Ss]cribe"
    r"|[Cc]oordinator|[Ss]ecretary|[Ii]nvestigator|[Rr]eviewer|[Rr]eader|[Ii]nformant|[Cc]aller|[Ss]pouse"
    r"|[Pp]arent|[Pp]artner|[Uu]ncle|[Aa]unt|[Nn]ephew|[Nn]iece|[Cc]ousin|[Gg]rand(?:mother|father|son"
    r"|daughter)|[Cc]aregiver|[Nn]eighbou?r|[Ff]riend"
    r"|[Nn]ext of [Kk]in|NOK|[Cc]ontact(?: [Pp]erson)?|[Ee]mergency [Cc]ontact|[Gg]uardian|[Mm]other|[Ff]ather"
    r"|[Hh]usband|[Ww]ife|[Ss]on|[Dd]aughter|[Bb]rother|[Ss]ister|[Nn]urse|[Ii]nterpreter|[Ww]itness|[Aa]uthor"
    r"|[Tt]ranscriptionist|[Aa]ttn|[Cc]c"
)
_BY: Final = (
    r"(?:[Dd]ictated|[Ss]igned|[Rr]eported|[Rr]ead|[Rr]eviewed|[Ii]nterpreted|[Tt]ranscribed|[Vv]erified"
    r"|[Aa]pproved|[Rr]equested|[Oo]rdered|[Rr]eferred|[Pp]erformed|[Ee]ntered|[Aa]cquired|[Ss]canned"
    r"|[Cc]hecked|[Aa]uthenticated|[Aa]ttested|[Cc]alled|[Aa]dministered|[Pp]repared"
    r"|DICTATED|SIGNED|REPORTED|READ|REVIEWED|INTERPRETED|TRANSCRIBED|VERIFIED|APPROVED|REQUESTED|ORDERED"
    r"|REFERRED|PERFORMED) (?:[Bb]y|BY)"
)
_TITLE: Final = (
    r"(?:Drs?|DR|Mr|MR|Mrs|MRS|Ms|MS|Miss|MISS|Prof|PROF|Professor|Doctor|Nurse|Sister|Fr|Herr|Frau|Sra?|Mme"
    r"|Rev|Capt|Sgt|Lt|Col)"
)

_LATIN_NAMES: Final[tuple[tuple[re.Pattern[str], bool], ...]] = (
    # A title, or "by": the next words with capitals.
    (re.compile(rf"(?<![A-Za-z]){_TITLE}(?:\. {{0,2}}| {{1,2}})(?P<v>{_NAME})"), True),
    (re.compile(rf"(?<![A-Za-z])(?:{_BY})[: ]{{1,4}}(?:{_TITLE}\.? {{1,2}})?(?P<v>{_NAME}|[A-Z]{{3,20}})"), True),
    (re.compile(rf"(?<![A-Za-z])[Ss]igned[: ]{{1,4}}(?P<v>{_NAME})"), True),
    (re.compile(rf"(?<![A-Za-z])(?:{_ROLE}) {{0,2}}[:=] {{0,4}}(?:{_TITLE}\.? {{1,2}})?(?P<v>{_NAME})"), True),
    (
        re.compile(
            r"(?i:(?<![a-z])(?:patient(?:'s)? |full |last |first "
            r"|maiden )?(?:sur)?name {0,2}[:=] {0,4}"
            r"(?P<v>[^\W\d_][^\W\d_'’.-]{0,30}(?:[ ,^]{1,2}[^\W\d_][^\W\d_'’.-]{0,30}){0,3}))"
        ),
        True,
    ),
    (re.compile(rf"(?<![A-Za-z])(?:{_ROLE}) (?P<v>{_NAME})"), False),
    # A degree behind.
    (re.compile(rf"(?P<v>{_CAP}(?: (?:{_CAP}|[A-Z]\.)){{0,3}}),? {_DEGREE}(?![A-Za-z])"), False),
    (re.compile(rf"(?P<v>[A-Z]\. ?(?:[A-Z]\. ?)?{_CAP}),? {_DEGREE}(?![A-Za-z])"), False),
    # The notation of PN.
    (
        re.compile(
            r"(?P<v>(?:[^\W\d_][^\W\d_'’.\- ]{1,40}"
            r"|[^\W\d_a-zA-Z])\^[^\W\d_][^\W\d_'’.\-]{0,40}(?: [A-Z][^\W\d_]{0,20}){0,2}(?:\^[^\W\d_'’.\-]{0,40}){0,3})"
        ),
        True,
    ),
    # "VOSS, CLARA F 61Y"
    (
        re.compile(
            rf"(?P<v>{_CAP}, {{0,2}}{_CAP}(?: [A-Z]\b\.?)?)[ ,/;]{{1,3}}(?=(?:[MF]|[Mm]ale|[Ff]emale|MALE|FEMALE)\b"
            rf"|\d{{2,3}} ?[Yy])"
        ),
        True,
    ),
)
_EPONYMS: Final = re.compile(
    r"(?i:charcot[ -]marie[ -]tooth|swan[ -]ganz|hill[ -]sachs|kerley|hodgkin|parkinson|cushing|wegener|hampton"
    r"|westermark|bankart|baker|pott|ghon|ranke|hickman|colles|smith(?= fracture)|jones(?= fracture)|foley"
    r"|dobhoff|morgagni|bochdalek|judkins|port[ -]a[ -]cath|osgood[ -]schlatter|legg[ -]calve[ -]perthes"
    r"|guillain[ -]barre|budd[ -]chiari|zollinger[ -]ellison|peutz[ -]jeghers|mallory[ -]weiss|ehlers[ -]danlos"
    r"|marfan|crohn|addison|alzheimer|graves|hashimoto|paget|ewing|wilms|virchow|kaposi|raynaud|dressler"
    r"|monro|chilaiditi|arnold[ -]chiari|von willebrand|von hippel|dandy[ -]walker|baker'?s cyst|risser|cobb"
    r"|lisfranc|salter[ -]harris|maisonneuve|monteggia|galeazzi|bennett|st\.? ?vitus|john hopkins view"
    r"|water'?s view|towne|caldwell|stryker|garth|grashey|judet|ferguson|harris[ -]beath|merchant|hughston"
    r"|lauenstein|dunn|von rosen|schmorl|scheuermann|bouchard|heberden|hounsfield|gleason|tanner"
    r"|allen'?s? test)"
)


def _capital_words(name: str) -> list[str]:
    return [word for word in re.split(r"[\s,.]+", name) if word]


def _latin_names(folded: Folded) -> Iterator[Hit]:
    ordinary = words().ordinary
    cased = folded.cased
    for pattern, sure in _LATIN_NAMES:
        at = 0
        while match := pattern.search(cased, at):
            start, stop = match.span("v")
            kept = _without_ordinary(cased, start, stop, ordinary)
            # What was no name may hold the next cue, "MR CHEST Dr. Voss"; a cue stands before the name, or the name is it.
            at = kept[1] if kept else start if start > match.start() else stop
            if kept is None:
                continue
            start, stop = kept
            if not sure:
                text = cased[start:stop]
                if _EPONYMS.match(text) or text.lower() in words().abbreviations:
                    continue
                if text.isupper() and len(text) < 4:
                    continue
            yield start, stop, Kind.NAME


def _without_ordinary(text: str, start: int, stop: int, ordinary: frozenset[str]) -> tuple[int, int] | None:
    """The words of a name up to the first that radiologists write; nothing if that is the first."""
    end = start
    for word in re.finditer(r"[^\W\d_][^\s,^]*", text[start:stop]):
        plain = word[0].replace(".", "").lower()
        initial = len(plain) == 1 and word[0][0].isupper() and stop - start > 1
        if plain in words().titles or (plain in ordinary and not initial):
            break
        end = start + word.end()
    return (start, end) if end > start else None


def _given_names(folded: Folded) -> Iterator[Hit]:
    """A given name and a word with a capital that is no ordinary one: ``John Smith``, ``SMITH, JOHN``."""
    lists, cased = words(), folded.cased
    found = [
        (match.start(), match.end(), match[0])
        for match in re.finditer(r"(?<![\w'’])[A-Z][A-Za-z'’]+(?:-[A-Z][a-z]+)?", cased)
    ]
    for (start, middle, first), (again, stop, second) in pairwise(found):
        between = cased[middle:again]
        if not re.fullmatch(r",? {1,2}(?:[A-Z]\.? )?|_", between):
            continue
        one, two = first.lower(), second.lower()
        if one not in lists.given_names and not (two in lists.given_names and "," in between):
            continue
        if one in lists.ordinary or two in lists.ordinary or two in lists.abbreviations or len(two) < 2:
            continue
        if _EPONYMS.match(cased, start) or _EPONYMS.match(cased, again) or _EPONYMS.search(cased, max(0, start - 12), stop):
            continue
        if _AFTER_NAME_OF_THING.match(cased, stop):
            continue
        yield start, stop, Kind.NAME


_AFTER_NAME_OF_THING: Final = re.compile(
    r"(?i: (?:disease|syndrome|sign|cyst|fracture|tumou?r|lymphoma|catheter|tube|view|line|ligament|method"
    r"|score|classification|grade|node|body|duct))"
)

_INSTITUTION_WORD: Final = r"(?:[A-Z][\w'’&.-]*|of|and|the|for|&)"
_INSTITUTION: Final = re.compile(
    rf"(?<![\w'’])(?P<v>(?:St\.? |ST\.? )?[A-Z][\w'’&.-]*(?: {_INSTITUTION_WORD}){{0,6}}? "
    r"(?:Hospitals?|HOSPITALS?|Medical (?:Center|Centre|Group|School|College)|MEDICAL (?:CENTER|CENTRE|GROUP)"
    r"|Clinic|CLINIC|Infirmary|INFIRMARY|Health (?:System|Centre|Center|Care)|HEALTH (?:SYSTEM|CENTER)"
    r"|Healthcare|Imaging (?:Center|Centre|Associates)|IMAGING CENTER"
    r"|(?:NHS )?(?:Foundation )?Trust|Hospice|Sanatorium|Polyclinic|Universit(?:y|é|ät|e)|UNIVERSITY"
    r"|Nursing Home|NURSING HOME|Klinikum|Krankenhaus|Radiology Associates|Surgery Center|Cancer Center"
    r"|Cancer Institute|Heart Institute)"
    r"(?: of(?: the)?(?: [A-Z][\w'’-]+){1,3})?)(?![\w'’])"
    r"|(?<![\w'’])(?P<w>(?:Klinikum|Klinik|Krankenhaus|Spital|H[oô]pital|Ospedale|Policlinico|Clinique"
    r"|Cl[ií]nica|CHU|Centre Hospitalier) [A-Z][\w'’-]+(?: (?:der|de|du|la|le|di|[A-Z][\w'’-]+)){0,4}"
    r"|(?:University|Univ\.?|Hospital|College|Institute) (?:of"
    r"|for) (?:the )?[A-Z][\w'’-]+(?: [A-Z][\w'’-]+){0,3})"
)


def _institutions(folded: Folded) -> Iterator[Hit]:
    for match in _INSTITUTION.finditer(folded.cased):
        group = "v" if match["v"] else "w"
        text, start = match[group], match.start(group)
        # What came before the name of the place with a capital: "Transferred from", "IMAGES FROM".
        skipped = [
            each.end()
            for each in re.finditer(
                r"(?i:\b(?:from|at|to|in|by|per|with|outside|prior|previous|see|seen|images|films|via)[ :]+)", text
            )
        ]
        begin = skipped[-1] if skipped else 0
        if any(word.lower().strip("().,") not in words().generic_institutions for word in text[begin:].split()):
            yield start + begin, match.end(group), Kind.INSTITUTION


_STREET: Final = (
    r"(?:Street|St|Avenue|Ave|Road|Rd|Boulevard|Blvd|Lane|Ln|Drive|Dr|Court|Place|Way|Terrace|Square|Highway"
    r"|Hwy|Parkway|Pkwy|Circle|Close|Crescent|Gardens|Grove"
    r"|STREET|AVENUE|AVE|ROAD|RD|BOULEVARD|BLVD|LANE|DRIVE|COURT|TERRACE|HIGHWAY|PARKWAY)"
)


@lru_cache(maxsize=1)
def _latin_places() -> tuple[re.Pattern[str], ...]:
    state = f"(?:{'|'.join(words().states)})"
    town = r"[A-Z][A-Za-z.'-]+(?: [A-Z][A-Za-z.'-]+){0,2}"
    postcode = r"[A-Z]{1,2}\d[A-Z\d]? \d[ABD-HJLNP-UW-Z]{2}"
    return (
        re.compile(
            rf"(?<![\w.])\d{{1,5}}[A-Za-z]?,? (?:[NSEW]\.? )?(?:[A-Z][\w'’-]+ ){{1,4}}?{_STREET}\b\.?(?! ?[a-z]*\d? (?:view"
            rf"|mm|cm))(?: (?:NW|NE|SW|SE|N|S|E|W)\b)?"
            rf"(?:,? (?:Apt|Apartment|Suite|Ste|Unit|Flat"
            rf"|#)\.? ?\w{{1,6}})?(?:,? {town})?(?:,? (?:{state}\b(?: \d{{5}}(?:-\d{{4}})?)?|{postcode}\b))?"
        ),
        re.compile(
            r"(?<![\w.])\d{1,4}(?: ?bis)?,? (?:[Rr]ue|Via|Viale|Calle|Avenida|Rua|Piazza|Plaza|Place|Boulevard|Avenue"
            r"|Quai|Chemin) (?:(?:de|du|des|la|le|les|del|da|do|dos|di|della"
            r"|l')[ ']?){0,3}[A-Z][\w'’-]+(?: [A-Z][\w'’-]+){0,2}"
            r"|[A-Z][\w-]{2,30}(?:stra(?:ss|ß)e|str\.|weg|platz|gasse|allee|laan|straat|gatan) ?\d{1,4}[a-z]?\b"
        ),
        re.compile(rf"(?<!\w)(?:{town}, ?)?{state},? \d{{5}}(?:-\d{{4}})?(?!\d)"),
        re.compile(rf"(?<!\w){town}, {state}(?![\w])"),
        re.compile(rf"(?<![\w.]){postcode}(?!\w)"),
        re.compile(r"(?i:(?<![a-z])(?:home |street |mailing )?address {0,2}: {0,4}(?P<v>[^\n;*\x7f]{4,100}))"),
    )


def _latin_addresses(folded: Folded) -> Iterator[Hit]:
    ordinary = words().ordinary
    for number, pattern in enumerate(_latin_places()):
        for match in pattern.finditer(folded.cased):
            if number == _TOWN and all(word.lower() in ordinary for word in _capital_words(match[0])[:-1]):
                continue
            if (
                number == _TOWN
                and match[0].rsplit(" ", 1)[-1].lower() in _STATES_OR_WORDS
                and not _FROM.search(folded.lower, max(0, match.start() - 6), match.start())
            ):
                continue
            if number == 0 and any(word.lower() in _NO_STREET for word in _capital_words(match[0])):
                continue
            yield *match.span("v" if "v" in match.groupdict() else 0), Kind.ADDRESS


_TOWN: Final = 3
_STATES_OR_WORDS: Final = frozenset({"md", "pa", "or", "in", "me", "ct", "mr", "co", "de"})
_FROM: Final = re.compile(r"\b(?:of|in|from|to|near|at) $")
_NO_STREET: Final = frozenset(
    {"chest", "lateral", "ct", "mr", "portable", "image", "images", "series", "mg", "ml", "mm", "cm", "days", "weeks"}
)

_LATIN: Final[tuple[Rule, ...]] = (_latin_names, _given_names, _institutions, _latin_addresses)
