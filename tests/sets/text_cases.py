"""Values and sentences as headers and reports hold them, written by hand, with what identifies in them marked.

One case a line; ``{KIND:text}`` marks what has to go. A line that begins with ``!`` is one that rules without a lexicon
are expected to miss: a relative without a cue, a given name alone, a nickname of a hospital. Rules were written with
``ZH``, ``EN`` and ``CLINICAL`` at hand, so those say what is covered; ``ZH_SECOND``, ``EN_SECOND`` and
``CLINICAL_SECOND`` came after the rules and say what to expect elsewhere. Nobody in here exists.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from leadglass.deid.text import Known

_MARK: Final = re.compile(r"\{([A-Z]+):([^{}]*)\}")


@dataclass(frozen=True)
class Case:
    """A text, and the spans in it that identify, as (start, end, kind). ``hard``: rules are expected to miss one."""

    text: str
    spans: tuple[tuple[int, int, str], ...]
    hard: bool


def cases(block: str) -> Iterator[Case]:
    """The cases of one of the blocks below."""
    for line in block.strip().splitlines():
        hard = line.startswith("!")
        marked = line.removeprefix("!").strip()
        text, spans, last = "", [], 0
        for mark in _MARK.finditer(marked):
            text += marked[last : mark.start()]
            spans.append((len(text), len(text) + len(mark[2]), mark[1]))
            text += mark[2]
            last = mark.end()
        yield Case(text + marked[last:], tuple(spans), hard)


ZH: Final = """
胸部正位
胸部正侧位片
胸部DR正位
床旁胸片
DR胸部后前位
颈椎正侧位+双斜位
腰椎L1-2椎间隙变窄
T12椎体压缩性骨折
双下肢动脉CTA
头颅CT平扫+增强
胸部HRCT 1mm薄层
右肺上叶见2.0x3.0cm肿块影
左肺下叶结节,大小约1.2cm×0.9cm
心胸比0.52,主动脉结突出
气管居中,双肺纹理增多、增粗
双肺野清晰,心影大小形态正常
肋膈角锐利,膈面光整
考虑肺结核,建议进一步CT检查
T1WI低信号,T2WI高信号,FLAIR序列高信号
帕金森病患者,头颅MRI未见明显异常
库欣综合征,肾上腺占位待排
霍奇金淋巴瘤化疗后复查
何杰金病治疗后改变
患者高血压病史10年,糖尿病5年
患者曾行阑尾切除术
患者时有咳嗽、咳痰,无发热
患者于外院行CT检查
骨小梁稀疏,小叶间隔增厚
小关节突增生硬化
张力性气胸,纵隔右移
张口位:寰枢关节对位良好
马蹄肾,双肾盂轻度积水
林格氏液500ml静滴
青霉素800万单位静滴
阿司匹林100mg 每日一次
WBC 12.5×10^9/L
射血分数EF 55%
建议3个月后复查
术后第2天,引流管在位
5/6肋骨骨折,第3-5肋可疑
BI-RADS 3类,Lung-RADS 4A
窗宽1500 窗位-600
管电压120kV 管电流250mAs
软件版本 VB42C 5.1.3
序列号见设备铭牌
金属异物,石膏固定中
双侧额叶白质缺血灶
黄韧带肥厚,硬膜囊受压
上级医院进一步诊治
我院急诊科收治
62岁男性,咳嗽2周
与前片比较病灶吸收
患者姓名:{NAME:王小东} 性别:男 年龄:45岁
姓名:{NAME:欧阳娜娜}
姓名 {NAME:李建国}
患者{NAME:张伟},男,56岁,因咳嗽就诊
病人{NAME:刘洋}主诉胸闷气短
患者:{NAME:陈晓梅}(女)
报告医师:{NAME:赵德明}
报告医师:{NAME:赵德明} 审核医师:{NAME:孙丽}
审核医生{NAME:周杰}
主治医师:{NAME:诸葛亮明}
诊断医生: {NAME:吴桂芳}
技师 {NAME:郑凯}
操作者:{NAME:冯雪}
申请医师:{NAME:单文}
{NAME:王}医生已告知家属
{NAME:李}主任阅片意见:考虑感染
{NAME:张丽华}大夫会诊
与{NAME:陈}教授讨论后决定
由{NAME:王小东}医师审核
家属{NAME:马秀英}签字同意
联系人:{NAME:高明}(其子)
监护人:{NAME:林志强},关系:父子
其子{NAME:周大勇}陪同就诊
{NAME:何}女士,35岁
{NAME:曾}先生术后复查
患者{NAME:阿卜杜拉·买买提}右胸痛
签名:{NAME:徐海}
护士长{NAME:杨柳}
请{NAME:韩}护士转交
患者{NAME:老张}来复查
{NAME:小王}的胸片
登记员:{NAME:钱多}
主刀:{NAME:唐国强} 助手:{NAME:魏红}
{NAME:王小东} 胸部正位
胸部正位_{NAME:刘德宏}
{NAME:张三丰}
身份证号:{ID:110105199003078811}
身份证 {ID:11010519491231002X}
证件号:{ID:44010619850614002x}
{ID:110105 19491231 002X}
{ID:1 1 0 1 0 5 1 9 4 9 1 2 3 1 0 0 2 X}
身份证号码{ID:１１０１０５１９４９１２３１００２Ｘ}
老身份证 {ID:110105491231002}
住院号:{ID:00123456}
住院号{ID:876543}
门诊号 {ID:M2024001234}
病案号:{ID:B-009871}
检查号:{ID:CR20240131001}
影像号:{ID:X123456}
影像号 {ID:0098 7654}
登记号:{ID:0000345678}
床号:{ID:12}
床号:{ID:A-03}
3病区{ID:12床}
片号:{ID:88213}
条码号:{ID:690123456789}
医保卡号:{ID:320500198812}
社保号{ID:A12345678}
就诊卡号:{ID:7788990011}
护照号:{ID:E12345678}
护照{ID:G61234567}
港澳通行证{ID:C12345678}
工号:{ID:10086}
流水号 {ID:2024-0131-0007}
车牌号{ID:京A12345}
{ID:粤B·88888}车祸致胸部外伤
驾驶{ID:沪AD12345}与大货车相撞
卡号{ID:6222021234567890123}
微信号:{ID:wxd_1990}
电话:{PHONE:13812345678}
手机 {PHONE:138 1234 5678}
联系电话:{PHONE:138-1234-5678}
{PHONE:+86 13912345678}
联系电话{PHONE:010-65295284}
{PHONE:(010)6529-5284}转{PHONE:8012}
电话 {PHONE:0755-83366388转1203}
科室电话:{PHONE:6529 5284}
家属电话{PHONE:１３８１２３４５６７８}
传真:{PHONE:021-64175590}
{PHONE:400-800-1234}
邮箱:{EMAIL:wang.xd@163.com}
报告请发 {EMAIL:radiology_01@hospital.org.cn}
见{URL:http://pacs.example.cn/view?id=123}
服务器{URL:192.168.10.25}
检查日期:{DATE:2024-01-31}
检查日期:{DATE:2024年1月31日}
{DATE:2024/1/31}胸片
{DATE:2024.01.31} 复查
{DATE:20240131}
{DATE:二〇二四年一月三十一日}入院
{DATE:二零二三年十二月五日}
出生日期:{DATE:1968年3月9日}
生于{DATE:1968年3月}
{DATE:1月31日}外院胸片
对比{DATE:24-01-31}片
与{DATE:2023-12-05}CT比较
{DATE:2024-01-31 10:32:05}
报告时间:{DATE:2024-01-31 10:32}
{DATE:2024年1月31日10时32分}行CT检查
手术日期{DATE:31/01/2024}
于{DATE:3月14日}手术
患者{AGE:92岁},女性
{AGE:103岁}老人
时间:{TIME:10:32:05}
{TIME:上午10时30分}到达急诊
{INSTITUTION:北京协和医院}放射科
曾于{INSTITUTION:上海市第六人民医院}就诊
转自{INSTITUTION:东莞市樟木头镇卫生院}
{INSTITUTION:浙江大学医学院附属第一医院}
由{INSTITUTION:仁爱社区卫生服务中心}转来
{INSTITUTION:北京市朝阳区双井第二社区卫生服务中心}
{INSTITUTION:南方医科大学南方医院}CT报告
在{INSTITUTION:爱康国宾体检中心}体检
{INSTITUTION:协和医院}会诊意见
{INSTITUTION:解放军总医院}病理
家住{ADDRESS:北京市东城区帅府园1号}
住址:{ADDRESS:广东省深圳市南山区科技园路8号3栋502室}
地址:{ADDRESS:江苏省苏州市姑苏区十梓街188号}
现住{ADDRESS:朝阳路12号院3号楼502室}
患者来自{ADDRESS:哈尔滨}
户籍:{ADDRESS:四川省成都市}
{ADDRESS:湖南省长沙县黄花镇黄花村}人
籍贯{ADDRESS:温州}
{ADDRESS:新疆维吾尔自治区喀什地区}牧民
居住在{ADDRESS:幸福小区5栋2单元301室}
{ADDRESS:内蒙古呼和浩特市}牧区
邮编:{ADDRESS:100730}
长春新碱化疗后
上肢静脉通路
! {NAME:秀兰}昨天来拿片
! 女儿说{NAME:小红}最近咳嗽
! 在{INSTITUTION:省二院}做过CT
! {INSTITUTION:六院}会诊
! {DATE:去年国庆节}手术
! 我是{NAME:德明},请复核此片
! {NAME:买买提}复查
! 送{NAME:立新}复核
! 在{ADDRESS:村东头}老王家门口摔倒
! {NAME:Z.M.}读片
! 她在{INSTITUTION:一汽}上班
! {DATE:大年初三}急诊入院
! 患者为{INSTITUTION:第三中学}教师
! 老伴{NAME:桂香}代诉
双膝站立位正侧位片
鼻骨侧位
副鼻窦冠状位CT
肝右叶血管瘤，较前相仿
甲状腺左叶TI-RADS 4a类结节
右锁骨中段骨折内固定术后
乳腺钼靶CC位+MLO位
冠脉CTA：LAD近段狭窄50%
左室壁运动正常，EF 62%
请结合临床及实验室检查
余未见明确异常
慢支、肺气肿征象
空腹血糖7.8mmol/L，血压140/90mmHg
SE 4/IM 36示小结节
支气管镜检查后气胸
孕28周，单胎头位
造影剂碘海醇80ml，流速4.5ml/s
平均CT值约35HU
陈旧性肋骨骨折
安装心脏起搏器术后
钱学术语不全，图像满意
常见变异：奇静脉叶
方向：头先进仰卧位
全腹平片（立卧位）
周围型肺癌可能性大
汤姆森病
申请单所示部位：右踝
查对无误，{NAME:胡杨}签名
经{NAME:苏晓明}副主任医师复核
一线医师：{NAME:蒋文}  二线医师：{NAME:沈立平}
报告人 {NAME:黄蓉}
病人{NAME:马化云}，女，33岁
电话通知{NAME:罗}医生，危急值已回报
{NAME:宋江平},M,045Y
患儿{NAME:田甜}咳嗽三天
患儿之母{NAME:冯娟}代述病史
检查者：{NAME:夏天} 记录：{NAME:秦岚}
{NAME:古丽娜尔·艾合买提} 女 41岁
{NAME:司马青山}，头颅CT
体检编号{ID:TJ2300187}，{NAME:叶知秋}
DR号：{ID:D0098812}
CT号{ID:200456}
住院号 {ID:ZY010023456}
ID号:{ID:3301998}
{ID:33010219800101123X}
条形码 {ID:2401310001}
申请单号{ID:8800123}
病床 {ID:27床}
检查单号:{ID:E-2024-77}
医保编号{ID:99881234}
联系手机{PHONE:15900001111}
座机 {PHONE:0571-87783777}
{PHONE:86-10-88886666}
分机{PHONE:6012}
{EMAIL:dr_luo@qq.com}
登录{URL:https://cloud.pacs.cn/s/abc}查看
{DATE:2023年11月8日}行右肺上叶切除术
{DATE:2023.11}外院CT
比较{DATE:23年11月8日}片
{DATE:11月8日}术后复查
{DATE:2023/11/8 09:05}
报告日期{DATE:2023-11-8}
末次月经{DATE:2023-6-1}
{AGE:97岁}高龄患者
{TIME:下午3点}到检
{TIME:08:15:22}曝光
{INSTITUTION:华西医院}病理报告
{INSTITUTION:宁波市鄞州区第二医院}影像科
{INSTITUTION:郑州大学第一附属医院}转入
外送{INSTITUTION:金域医学检验中心}
{INSTITUTION:滨江妇幼保健院}分娩
患者住{ADDRESS:杭州市西湖区文三路90号}
{ADDRESS:河北省保定市清苑县}农民
{ADDRESS:中关村南大街5号}
{ADDRESS:四川绵阳}人
{ADDRESS:翠苑小区12幢3单元402室}
! 家在{ADDRESS:大柳树沟}
! {NAME:根生}术后
! {NAME:慧慧}妈妈来电
! 在{INSTITUTION:附二}做的增强
! {DATE:上个月十五}复查
! 是{INSTITUTION:市交警队}的
右髋关节正侧位
双肾CT尿路造影
小脑半球脑梗死
左乳外上象限BI-RADS 4b
胸12椎体许莫氏结节形成
脂肪肝，肝内钙化灶
LAO 45°/CAU 20°
请外科随诊
甲亢病史，拟行碘131治疗
患者因腹痛3天入院，查体右下腹压痛
常染色体显性多囊肾
肺内多发微小结节，直径<5mm
1次/日，连用7天
段支气管通畅
祝氏法测量心胸比
2型糖尿病，二甲双胍0.5g bid
建议6个月复查低剂量CT
屏气欠佳，图像有伪影
{NAME:程志远}，男，60岁，体检
患者 {NAME:顾晓燕} 右侧乳腺肿块
主管医生 {NAME:薛平}
{NAME:戴}主任会诊后建议手术
审核：{NAME:魏东明}
报告：{NAME:潘悦} 审核：{NAME:魏东明}
摄片技师：{NAME:丁一}
产妇{NAME:姜雨婷}，孕39周
家属{NAME:彭国华}（丈夫）已签知情同意书
{NAME:邹丽萍}护士电话通知
{NAME:尉迟晓}，右膝MRI
{NAME:帕提古丽·吐尔逊}，女
患者{NAME:老刘}诉腰痛
姓 名：{NAME:孟凡}
送检医生：{NAME:范伟}，科室：骨科
转诊医师{NAME:谭咏}电话联系
门诊号：{ID:0008123377}
住院号 {ID:1098876}，床号 {ID:15}
影像检查号：{ID:DX20231108003}
就诊ID:{ID:55667788}
{ID:51010219751212408X}
病理号：{ID:2023-S-11872}
设备序列号：{ID:SN88121}
{ID:川A·9K872}小轿车
体检号 {ID:70012233}
{PHONE:18612349876}(女儿)
Tel:{PHONE:025-83714511}
电话:{PHONE:0574 8708 5588}
{EMAIL:liuyang1980@126.com}
{URL:ftp://10.1.2.3/img}
检查时间：{DATE:2023-11-08 14:20}
{DATE:2023年11月}复查
自{DATE:2022年3月5日}起咳嗽
前片（{DATE:2022-9-3}）
{DATE:九月三日}门诊
出生 {DATE:1955.02.14}
{TIME:14:20:09}采集
{AGE:91岁}
{INSTITUTION:青岛大学附属医院}会诊
{INSTITUTION:柳州市柳铁中心医院}
外院（{INSTITUTION:无锡市第九人民医院}）片
由{INSTITUTION:西坝河社区卫生服务站}转诊
{ADDRESS:山东省烟台市芝罘区毓璜顶东路20号}
现住址：{ADDRESS:吉林市昌邑区}
{ADDRESS:解放大道1277号}
来自{ADDRESS:浙江义乌}
! {NAME:阿芳}陪她来
! {NAME:晓燕}的丈夫
! {INSTITUTION:市二}的片子
! {DATE:端午}前后发病
! 家在{ADDRESS:河西}
"""

EN: Final = """
CHEST PA
Chest PA and lateral
CHEST 1V PORTABLE
XR Chest 2 Views
Portable AP chest, semi-erect
C-SPINE AP/LAT/OBL
L-SPINE 4V
CT HEAD W/O CONTRAST
CT Chest 1.25 mm lung recon
MRI T1 SAG / T2 AX / FLAIR COR
KNEE RT 3V
Degenerative change at L4-5 and L5-S1
T12 compression fracture, 30% height loss
C7 not visualized on the lateral view
3/4 of the left hemithorax is opacified
1/2 NS at 75 mL/h
Nodule measures 10.5 cm x 3.2 x 2.0 cm
Mass 2.0x3.0 in the right upper lobe
Kerley B lines and cephalization
Swan-Ganz catheter tip in the right main pulmonary artery
Hodgkin lymphoma, restaging
Parkinson disease, fall at home
Known Cushing syndrome
Charcot-Marie-Tooth disease
Charcot Marie Tooth
Wegener granulomatosis versus sarcoid
Hampton hump, Westermark sign
Hill-Sachs deformity with Bankart lesion
Baker cyst behind the knee
Pott disease of the spine
Ghon complex, Ranke complex
Port-a-Cath in place; Hickman line removed
Colles fracture, Smith fracture, Jones fracture
Foley catheter, Dobhoff tube, ETT 4 cm above the carina
Morgagni hernia vs Bochdalek hernia
Patient supine, rotated to the left
Patient Position: HFS
EF 55-60%, ratio 1:2
Lisinopril 10 mg po daily
Vancomycin 1000 mg IV q12h
WBC 12.5, Hgb 9.8, Plt 245000
BI-RADS 4A, LI-RADS 5, Lung-RADS 2
kVp 120 mAs 3.2 DLP 350.5 mGy*cm
Software version syngo VB42C 5.1.3.4
FOV 350 mm, matrix 512 x 512, TR 4500 TE 90
Window 1500/-600
Follow-up in 6-12 months is recommended
62 year old male with cough
Stable since prior examination
No acute cardiopulmonary process
Increased interstitial markings, may represent edema
Mark and Grace are not in this sentence as lesion names
Will need follow up. May represent scar.
The outside hospital films are not available
Emergency Department
Department of Radiology
Compared with the prior study in 2019
Axial 5.0 B31f
CARM FLUORO LESS THAN 60 MIN
Series 3, image 45
Dr. {NAME:Smith} was notified
Discussed with Dr. {NAME:Emily Garter} by phone
Findings called to Dr {NAME:O'Brien}
Mr. {NAME:Johnson} is a 62 year old
Mrs {NAME:Eleanor Rigby}, fall
Ms. {NAME:Wang-Miller} reports pain
Prof. {NAME:Hans Müller}
Dictated by: {NAME:Robert Langdon}, MD
Dictated by {NAME:R. Langdon}
Signed: {NAME:J. K. Rowe}
Electronically signed by {NAME:Sarah Connor}, M.D.
Reported by {NAME:Alan Grant}
Referring physician: {NAME:Gregory House}
REFERRING PHYSICIAN: {NAME:HOUSE, GREGORY}
Attending: {NAME:Meredith Grey}
Radiologist: {NAME:Patel, Anil}
Technologist: {NAME:Kim Lee}
Tech: {NAME:JSMITH}
Operator {NAME:Nguyen}
Patient name: {NAME:John Doe}
PATIENT NAME: {NAME:DOE JOHN}
Name: {NAME:mary jones}
Patient: {NAME:Linda Park}
Pt {NAME:Harris} complains of dyspnea
{NAME:John Smith} CHEST PA
{NAME:SMITH^JOHN^A}
{NAME:Wang^Xiaodong}
{NAME:Jane Roe}, RN at bedside
{NAME:David Chen} MD
Reviewed with Dr. {NAME:Li}
Mother {NAME:Mary} gives the history
Her husband {NAME:Thomas} called
Next of kin: {NAME:Peter Barker}
Contact: {NAME:Susan Storm}, daughter
Nurse {NAME:Ratched} informed
Resident: {NAME:T. Nakamura}
Requested by {NAME:Fatima Al-Sayed}
Interpreted by {NAME:Maria Garcia Lopez}
Dr. {NAME:Parkinson} reviewed the images
cc: Dr. {NAME:William Osler}
{NAME:MARY JOHNSON} KNEE LT
MRN: {ID:00123456}
MRN {ID:7654321}
MRN#{ID:A-12345}
Medical record number {ID:55-66-77}
Patient ID: {ID:PAT0042}
Pt ID {ID:998877}
Acc# {ID:CR1234567}
Accession: {ID:2024-CR-00017}
ACC {ID:5551234}
Accession No. {ID:88 1234}
ID: {ID:4711}
Study ID {ID:S20931}
Case No. {ID:24-1187}
Account number: {ID:300045678}
Visit # {ID:V00981}
SSN {ID:123-45-6789}
{ID:078-05-1120}
Insurance ID: {ID:XYZ123456789}
Policy no. {ID:HP-4455-99}
NHS number {ID:943 476 5919}
Medicare number: {ID:1EG4-TE5-MK73}
Passport {ID:C01X00T47}
Passport No: {ID:123456789}
Driver's license {ID:D1234562}
License plate {ID:7ABC123}
Serial number: {ID:SN-40011782}
Bed {ID:12}
Room {ID:312B}
{ID:A123456789}
HKID {ID:A123456(3)}
Comparison {ID:1.2.826.0.1.3680043.9.7133.1.22}
PATH {ID:CR_00123456_1}
Tel: {PHONE:(555) 123-4567}
Call {PHONE:555-123-4567 x22}
Phone {PHONE:+1 555 123 4567}
Pager {PHONE:4471}
Fax {PHONE:555.123.4567}
Mobile: {PHONE:07700 900123}
{PHONE:+44 20 7946 0958}
{PHONE:+49 30 901820}
Ext. {PHONE:5512}
Email {EMAIL:john.doe+x@mail.example.com}
{EMAIL:RADS@HOSP.ORG}
See {URL:https://pacs.example.org/study/99?p=1}
{URL:www.example-hospital.org}
host {URL:10.20.30.40}
C:\\Users\\{NAME:jsmith}\\Desktop\\film
Date of exam: {DATE:01/31/2024}
DOB: {DATE:3/9/1968}
DOB {DATE:09-Mar-1968}
born {DATE:March 9, 1968}
{DATE:2024-01-31}
{DATE:20240131}
{DATE:31.01.2024}
{DATE:31 Jan 2024}
{DATE:Jan 31st, 2024}
{DATE:January 31} follow-up
Compared to {DATE:12/5/23}
Prior exam of {DATE:5 December 2023}
prior {DATE:Dec 2023}
{DATE:2024-01-31T10:32:05}
Dictated {DATE:01/31/2024 10:32 AM}
Exam on {DATE:3/14} at the bedside
CT from {DATE:31-JAN-24}
Seen at {TIME:10:32:05}
Called at {TIME:4:15 PM}
{AGE:93 year old} female
{AGE:101-year-old} man
{AGE:95 y/o} M
{INSTITUTION:St. Mary's Hospital}
Transferred from {INSTITUTION:Mercy General Hospital}
{INSTITUTION:MERCY HOSPITAL} ER
Images from {INSTITUTION:Lakeview Medical Center}
{INSTITUTION:Massachusetts General Hospital}
{INSTITUTION:University Hospital of Wales}
seen at {INSTITUTION:Mayo Clinic}
{INSTITUTION:Royal Free London NHS Foundation Trust}
{INSTITUTION:Springfield Children's Hospital}
prior at {INSTITUTION:Harborview Health Centre}
lives at {ADDRESS:12 Elm Street}
{ADDRESS:742 Evergreen Terrace, Springfield, IL 62704}
Address: {ADDRESS:1600 Pennsylvania Ave NW, Washington, DC 20500}
{ADDRESS:P.O. Box 123}
{ADDRESS:221B Baker Street, London NW1 6XE}
{ADDRESS:45 Oak Rd, Apt 3B}
moved to {ADDRESS:Boston, MA}
{ADDRESS:Springfield, IL 62704}
! Spoke to {NAME:emily} at the desk
! {NAME:Bobby} fell from his bike
! per {NAME:JKR}
! prior at {INSTITUTION:MGH}
! the day after {DATE:Thanksgiving}
! works at {INSTITUTION:the Ford plant}
! {NAME:okafor} reviewed
! lives in {ADDRESS:Riverside}
! neighbour of {NAME:Mia}
! {NAME:Xiaodong} came with his wife
! film for {NAME:Mrs. b}
! seen last {DATE:Christmas Eve}
Hips bilateral AP and frog leg
Panorex
Abdomen KUB supine
US RUQ limited
Mammogram screening bilateral CC/MLO
DEXA hip and spine
Cardiac silhouette within normal limits
Mild S-shaped scoliosis, apex at T8
Thyroid nodule TI-RADS 3
Endotracheal tube 3.5 cm above the carina
NG tube courses below the diaphragm
Right IJ central line tip at the cavoatrial junction
Status post CABG and AVR
Healed fractures of ribs 4 through 7
No change since the prior radiograph
Looser zones suspected
Gore-Tex graft, Greenfield filter
Thompson test positive, Ilizarov frame
Bosniak IIF cyst in the left kidney
Schatzker type II tibial plateau fracture
Sharp costophrenic angles
BP 140/90, HR 88, SpO2 94%
Contrast: Omnipaque 350, 80 mL at 4 mL/s
HEAD FIRST SUPINE
Grid 8:1, SID 180 cm
Reason: Rule Out Pneumonia
Two Views Of The Chest Were Obtained
Findings Discussed With Team
Recon kernel Br40, slice 3/2
G1P0 at 28 weeks
Given the history of melanoma, PET is advised
Images 4/36 and 5/102
Dr. {NAME:Amara Okonkwo} paged
Spoke with Nurse {NAME:Kowalski} on 5 West
{NAME:Yusuf Demir}, MD reviewed the study
Read by: {NAME:K. Lindqvist}
INTERPRETING PHYSICIAN: {NAME:LINDQVIST, KARIN}
Ordered by {NAME:N. Petrov}, NP
Pt {NAME:Delgado} is nonverbal
PT NAME {NAME:DELGADO, ROSA}
Patient {NAME:Rosa Delgado} arrived by ambulance
Mr {NAME:van der Berg}
Ms. {NAME:Zhao} declined contrast
Sonographer: {NAME:Beth Ivers}
{NAME:KAREN WHITFIELD} SHOULDER RT
{NAME:Whitfield^Karen^M}
Her son {NAME:Tobias} translated
Accession Number: {ID:XR-23-009912}
acc no {ID:7719043}
MR# {ID:0099123}
HOSP NO: {ID:K445521}
Exam ID {ID:883201}
Order # {ID:55120}
SSN: {ID:987-65-4320}
Ref: {ID:RC/2023/118}
Wristband {ID:W00934512}
room {ID:14}
(room {ID:4A})
phone: {PHONE:(212) 555-0147}
cb {PHONE:212-555-0147}
{PHONE:+61 2 9374 4000}
extension {PHONE:4410}
{EMAIL:k.lindqvist@uni-klinik.de}
{URL:http://pacs.local/view/12}
{DATE:11/08/2023}
{DATE:8 Nov 2023} CT chest
{DATE:Nov. 8, 2023}
{DATE:2023-Nov-08}
Last menstrual period {DATE:6/1/23}
priors: {DATE:2021-03-02}, {DATE:2022-04-05}
surgery on the {DATE:8th of November}
{DATE:08.11.2023}
{TIME:07:45 AM}
Exposure at {TIME:08:15:22}
{AGE:96 yo} M with fall
{INSTITUTION:Kaiser Permanente Oakland Medical Center}
outside CT from {INSTITUTION:Providence Hospital}
{INSTITUTION:Klinikum Rechts der Isar}
{INSTITUTION:VALLEY IMAGING CENTER}
discharged to {INSTITUTION:Sunrise Nursing Home}
{ADDRESS:88 Pine Ln, Dover, DE 19901}
{ADDRESS:14 Rue de Rivoli}, Paris
found down at {ADDRESS:3rd and Main}
{ADDRESS:Portland, OR 97201}
! nephew {NAME:jamal} at bedside
! {NAME:Petrov} wants a call
! {NAME:Rosie} is anxious
! transferred from {INSTITUTION:UCSF}
! from {ADDRESS:Oakland}
! since {DATE:Labor Day}
! employee of {INSTITUTION:Boeing}
Wrist scaphoid views
CTA abdomen and pelvis with runoff
Elastography F2
Susceptibility artifact from braces
Small hiatal hernia
Grade II spondylolisthesis of L5 on S1
Left renal stone, 6 mm, 900 HU
Unremarkable bowel gas pattern
Recommend MRI With And Without Contrast
Metformin 500 mg bid, Eliquis 5 mg
Frontal And Lateral Radiographs
ACR TI-RADS category 4
Retrocardiac density
C-arm time 1.2 min, 14 mGy
Possible Pancoast tumor
Felty syndrome, Still disease
Bird beak sign, Steinstrasse
Dental amalgam, Dr visit pending
Patient Motion, Limited Study
Consistent with Bochdalek hernia
Head Trauma Protocol
Dr {NAME:Lucy Adeyemi} will follow
DR. {NAME:ADEYEMI} NOTIFIED
Spoke with {NAME:Henrik Olsen}, PA-C
Reviewed by Dr. {NAME:M. Castillo}
Performing tech: {NAME:Abby R}
Reading radiologist: {NAME:C. Dubois}
Name of patient: {NAME:Clara Voss}
{NAME:VOSS, CLARA} F 1961
{NAME:Clara Voss} right hip
pt {NAME:Voss} fell
Mrs. {NAME:Clara M. Voss-Adler}
Approved by: {NAME:DUBOIS, CHARLES}
Caregiver: {NAME:Ines}
{NAME:Ng^Siu Ming}
Dear Dr. {NAME:Halloran},
MRN-{ID:4410982}
Med Rec #: {ID:00-88-12}
Acc#{ID:A8812345}
Patient ID {ID:VX-1181}
Medicaid ID {ID:AB12345C}
Visit no. {ID:33018}
DL# {ID:X9912345}
bed {ID:7}
ID {ID:4419023}
SSN {ID:455 12 9981}
Home phone {PHONE:(415) 555-2671}
Tel {PHONE:020 7946 0123}
Mobile {PHONE:+33 6 12 34 56 78}
page {PHONE:x4418}
mail {EMAIL:c.voss@gmx.net}
{URL:http://ris/report.aspx?acc=77}
DOS {DATE:11/08/23}
Date: {DATE:8-Nov-2023}
since {DATE:November 2022}
prior {DATE:9/3/2022}
{DATE:2023.11.08 14:20}
{DATE:Nov 8} radiograph
follow up from {DATE:03-Sep-22}
{AGE:90 year-old} woman
at {TIME:2:20 pm}
{INSTITUTION:Northside Hospital}
{INSTITUTION:Cedar Valley Family Clinic}
Comparison: {INSTITUTION:St Luke's Medical Center}
{INSTITUTION:Hôpital Lariboisière}
{ADDRESS:9 Harbour View Road, Cardiff CF10 4PA}
{ADDRESS:Hauptstraße 12}
{ADDRESS:PO Box 881}
resident of {ADDRESS:Dover, DE}
! {NAME:halloran} to call back
! Per {NAME:Abby}
! seen in {ADDRESS:Cardiff} last year
! {INSTITUTION:the VA} sent films
! after {DATE:New Year's}
! {NAME:M.C.} overread
"""

ZH_SECOND: Final = """
踝关节双斜位
双侧海绵窦未见异常
腹主动脉瘤腔内修复术后
盆腔少量积液，子宫前位
L4/5椎间盘突出
尿素氮6.2mmol/L
屏住呼吸，双手抱头
注射流率3ml/s，延迟25秒
右下肺斑片影，抗炎后复查
第1跖骨基底部骨折线可见
同层动态扫描
患者不能配合，图像模糊
肺窗与纵隔窗观察
符合术后改变，请随访
儿童骨龄约10岁
张开双臂拍摄
甘露醇250ml口服
两肺散在磨玻璃结节，最大径8mm
{NAME:许志华} 男 52岁 胸痛
{NAME:诸葛晴}，孕32周
患者{NAME:韦小宝}，诉头晕
检查技师：{NAME:卢峰}；核对：{NAME:尹静}
{NAME:汤}医师已电话沟通
{NAME:孔令仪}副主任医师
陪同人：{NAME:邵斌}
病人{NAME:巫启贤}术后第3天
请{NAME:闫}主任看片
{NAME:麦麦提·依明}，男，60岁
急诊科{NAME:祁同}医生申请
其夫{NAME:武志刚}提供病史
签发医师 {NAME:柏青}
告知家属{NAME:申玉兰}
诊断医师签名：{NAME:倪匡明}
就诊卡 {ID:3300112245}
住院号：{ID:IP2023110077}
档案号 {ID:DA-5561}
{ID:420106197610025514}
拍片号{ID:77120}
超声号:{ID:US2311080012}
医嘱号：{ID:99012834}
车号{ID:鄂A7K21Q}
床号 {ID:06}
家属手机：{PHONE:177 0000 8899}
{PHONE:0531-88776655}
联系人电话 {PHONE:18900001234}
QQ:{ID:28812345}
{EMAIL:zhangsan_88@sina.com.cn}
{URL:www.hospital-x.cn/report}
{DATE:2023-11-08T08:30:00}
{DATE:2023年11月8号}
{DATE:8/11/2023}复查片
于{DATE:2019年7月}行支架术
较{DATE:2023.6.30}片好转
{DATE:十一月八日}入院
{TIME:晚上8点半}摔伤
{AGE:九十三岁}
{INSTITUTION:长沙市中心医院}放射科会诊
{INSTITUTION:空军军医大学西京医院}
{INSTITUTION:美年大健康体检中心}发现结节
{INSTITUTION:红旗镇中心卫生院}转入
{ADDRESS:贵州省遵义市红花岗区}
{ADDRESS:建设北路二段3号}
家住{ADDRESS:翠湖小区8栋1701}
{ADDRESS:云南大理}游客
! {NAME:丽丽}打来电话
! {NAME:强子}摔伤
! {INSTITUTION:中心院}的报告
! {DATE:清明}后加重
! 在{ADDRESS:东街}晕倒
! {NAME:周}签
"""

EN_SECOND: Final = """
Clavicle AP and axial
Fluoro upper GI with small bowel follow through
Prostate PI-RADS 4, left mid gland
Nuchal translucency 1.2 mm
Ovarian cyst, O-RADS 2
Lisfranc alignment maintained
Bankart repair with suture anchors
Sternotomy wires intact
Ca 9.8, Cr 1.1, INR 2.3
Right Upper Quadrant Pain
Non Weight Bearing Views
Comparison: None available
Injection rate 3 mL/s, delay 70 s
Thickened bladder wall
Bone age 10 years (Greulich and Pyle)
Coronal And Sagittal Reformats
Carpal alignment normal; no DISI
Lungs are clear bilaterally
Kidneys 10.2 and 10.5 cm
Limited by body habitus
Dr. {NAME:Pia Thorsen} aware
Discussed with {NAME:Owen Marsh}, RN at 3 W
{NAME:Marsh^Owen}
{NAME:LINDA KOWALCZYK} ANKLE LT
Ordering provider: {NAME:Stella Braun}
Patient {NAME:Ishaan Verma} was scanned supine
Technologist {NAME:Gutierrez}
Resident {NAME:Kim} and attending {NAME:Bauer}
Prelim by {NAME:Bauer}
Signed by {NAME:H. Bauer}, DO
Ms {NAME:Oyelaran}, 34
Mother, {NAME:Greta}, present
Name: {NAME:Oyelaran Bisi}
pt name {NAME:bisi oyelaran}
Study performed by {NAME:AB}
Transcribed by: {NAME:LKOWAL}
Prof {NAME:Ibrahim el-Sayed}
{NAME:Zhou, Mei} F 44Y
MRN:{ID:H0012993}
Medical Record No {ID:7781234}
Accession #{ID:US-9912-23}
Req# {ID:5567812}
Order ID: {ID:11-7765}
FIN {ID:880012345}
EMPI: {ID:99120034}
CSN {ID:120098812}
Hospital number {ID:RX8812}
Specimen {ID:S23-11872}
Passport {ID:L898902C3}
Plate no. {ID:KX19 ABC}
SSN# {ID:219099999}
Rm {ID:502}
Cell: {PHONE:917.555.0182}
Ph {PHONE:(03) 9555 0111}
{PHONE:+81 3 1234 5678}
call {PHONE:x2231}
{EMAIL:Stella.Braun@clinic.co.uk}
{URL:https://ris.local/r/8812}
{DATE:11-8-2023}
{DATE:08/11/23}
Done {DATE:Nov 08 2023}
Since {DATE:October 2021}
LMP: {DATE:1 June 2023}
prior from {DATE:2022/09/03}
{DATE:8.11.2023}
{DATE:Wednesday, November 8}
{TIME:8:30 a.m.}
{AGE:ninety-four year old} man
{AGE:98 yr old} F
{INSTITUTION:Riverside County Hospital}
{INSTITUTION:ST JOHNS MEDICAL CENTER}
referred by {INSTITUTION:Oak Street Health Clinic}
{INSTITUTION:Charité Universitätsmedizin Berlin}
{ADDRESS:2200 N Lakeshore Drive, Chicago, IL}
{ADDRESS:Flat 4, 17 Queen's Road}
from {ADDRESS:Tulsa, OK}
{ADDRESS:Postfach 1234}
! {NAME:owen} will call
! {NAME:Braun} to review
! seen in {ADDRESS:Tulsa}
! {INSTITUTION:Children's} transfer
! at {INSTITUTION:Bellevue}
! {DATE:Easter Sunday} fall
"""


@dataclass(frozen=True)
class Told:
    """What a header knows, and texts that say it again; everything marked has to go, 100 %."""

    known: Known
    block: str


TOLD: Final = (
    Told(
        Known(
            names=("Wang^Xiaodong=王^小东",),
            ids=("00123456",),
            dates=("20240131", "19680309"),
            phones=("010-65295284", "13812345678"),
            addresses=("北京市东城区帅府园1号",),
            institutions=("北京协和医院",),
        ),
        """
{NAME:Wang Xiaodong} CHEST PA
{NAME:WANG XIAODONG}
{NAME:xiaodong wang}
{NAME:Xiaodong WANG}, follow-up
{NAME:Wang, Xiaodong}
{NAME:WANG^XIAODONG^^}
{NAME:Wang_Xiaodong}_CR
{NAME:wangxiaodong}
{NAME:WangXiaoDong}1990
{NAME:Xiao-dong Wang}
{NAME:Xiao Dong Wang}
{NAME:Wang Xiao Dong}
{NAME:X. Wang}
{NAME:X.D. Wang}
{NAME:Wang X}
{NAME:Wang XD}
{NAME:WangXD}
{NAME:XDWang}
{NAME:WXD} portable
{NAME:w.x.d.} portable
{NAME:Ｗａｎｇ Ｘｉａｏｄｏｎｇ}
{NAME:Wáng Xiǎodōng}
{NAME:W a n g X i a o d o n g}
film of {NAME:Xiaodong} from yesterday
{NAME:Wang}, film at bedside
chest_{NAME:XIAODONG}_pa
{NAME:王小东}胸部正位
{NAME:王 小东}
{NAME:王  小 东}
{NAME:王^小东}
{NAME:王·小东}
{NAME:王-小-东}
{NAME:小东}的片子
{NAME:小东} {NAME:王}先生
{NAME:小王}来拿片
{NAME:老王}复查
{NAME:王先生}您好
{NAME:王某}，胸痛
{NAME:王小東}
患者{NAME:王小东}胸痛
CR_{ID:00123456}_1
MRN {ID:123456}
MRN {ID:0000123456}
id {ID:00 12 34 56}
{ID:0012-3456}
{ID:００１２３４５６}
X{ID:00123456}Y
/data/{ID:123456}/film.dcm
{DATE:20240131}
{DATE:2024-01-31}
{DATE:2024/1/31}
{DATE:2024.01.31}
{DATE:31.01.2024}
{DATE:01/31/2024}
{DATE:31/01/2024}
{DATE:31 Jan 2024}
{DATE:Jan 31st, 2024}
{DATE:January 31, 2024}
{DATE:31-JAN-24}
{DATE:2024年1月31日}
{DATE:2024 年 01 月 31 日}
{DATE:二〇二四年一月三十一日}
{DATE:二○二四年一月三十一日}
{DATE:24-01-31}
{DATE:240131}
{DATE:310124}
{DATE:01312024}
IMG{DATE:20240131}.dcm
{DATE:20240131103000}
{DATE:2024-01-31T10:30:00}
{DATE:2024_01_31}
{DATE:２０２４－０１－３１}
born {DATE:3/9/1968}
born {DATE:09.03.1968}
born {DATE:9 March 1968}
{DATE:680309}
call {PHONE:65295284}
{PHONE:010 6529 5284}
{PHONE:(010)65295284}
{PHONE:+86 138-1234-5678}
{PHONE:13812345678}
{ADDRESS:北京市东城区帅府园1号}
{ADDRESS:帅府园}附近
{INSTITUTION:北京协和医院}
{INSTITUTION:协和}放射科
""",
    ),
    Told(
        Known(
            names=("Smith^John^Alexander^Dr", "O'Brien^Siobhán", "Müller^Jürgen", "García López^María José"),
            ids=("PAT-0042-X", "S12345", "742"),
            institutions=("Mercy General Hospital",),
            addresses=("742 Evergreen Terrace^Springfield^IL^62704",),
        ),
        """
{NAME:John Smith} CHEST
{NAME:SMITH JOHN}
{NAME:Smith, John A.}
{NAME:John A. Smith}
{NAME:John Alexander Smith}
{NAME:J. Smith}
{NAME:J.A. Smith}
{NAME:JASmith}
{NAME:SMITHJ}
{NAME:jsmith}
seen by {NAME:alexander}
JOHN: {NAME:SMITH}
{NAME:SmithJohn}_scan
{NAME:O'BRIEN SIOBHAN}
{NAME:Siobhan O’Brien}
{NAME:OBRIEN}
{NAME:Siobhán} called
{NAME:Jurgen Muller}
{NAME:JUERGEN MUELLER}
{NAME:Müller}
{NAME:Müller}
{NAME:Maria Jose Garcia Lopez}
{NAME:GARCIA LOPEZ, MARIA JOSE}
{NAME:Maria Garcia}
{NAME:García}
{NAME:Lopez}
{ID:PAT0042X}
{ID:PAT-0042-X}
{ID:pat 0042 x}
file_{ID:PAT0042X}_2
{ID:S12345}
{ID:s-12345}
{ID:742} on the list
{INSTITUTION:MERCY GENERAL HOSPITAL}
{INSTITUTION:Mercy} radiology
{ADDRESS:742 Evergreen Terrace}
{ADDRESS:Evergreen Terrace}
{ADDRESS:Springfield}
""",
    ),
    Told(
        Known(
            names=(
                "单^雄信",
                "欧阳娜娜",
                "曾^伟",
                "Yamada^Tarou=山田^太郎=やまだ^たろう",
                "Hong^Gildong=洪^吉洞=홍^길동",
                "Иванов^Пётр",
            )
        ),
        """
{NAME:单雄信}
{NAME:單雄信}
{NAME:Shan Xiongxin}
{NAME:Shan Xiong Xin}
{NAME:SHANXX}
{NAME:雄信}来诊
{NAME:欧阳娜娜}
{NAME:歐陽娜娜}
{NAME:Ouyang Nana}
{NAME:Nana Ouyang}
{NAME:娜娜}
{NAME:欧阳}女士
{NAME:Zeng Wei}
{NAME:曾伟}
{NAME:ZENG W}
{NAME:山田太郎}
{NAME:山田}さん
{NAME:ヤマダ タロウ}
{NAME:ﾔﾏﾀﾞ ﾀﾛｳ}
{NAME:やまだ}
{NAME:YAMADA}
{NAME:홍길동}
{NAME:길동}
{NAME:GILDONG HONG}
{NAME:洪吉洞}
{NAME:Пётр Иванов}
{NAME:ИВАНОВ}
{NAME:Иванов П.}
""",
    ),
    Told(
        Known(names=("Li^Na=李^娜", "WANGXIAOMING", "Lü Buwei", "吕^丽"), ids=("12345",), dates=("20231205",)),
        """
{NAME:Li Na}
{NAME:LINA}_CXR
{NAME:Na Li}
{NAME:Li} called
{NAME:李娜}
{NAME:Xiaoming Wang}
{NAME:Wang Xiaoming}
{NAME:XIAOMING}
{NAME:Lu Buwei}
{NAME:BUWEI LU}
{NAME:Lv Li}
{NAME:LYU LI}
{NAME:吕丽}
{ID:12345}
A{ID:12345}
no: {ID:012345}
{DATE:12/5/23}
{DATE:5 Dec 2023}
{DATE:2023年12月5日}
{DATE:二零二三年十二月五日}
""",
    ),
)
"""Headers, and what their texts say."""


CLINICAL: Final = """
chest|PA|lateral|portable|supine|L1-2|T12|C7|3/4|1/2|10.5 cm|2.0x3.0|120 kV|3.2 mAs|5 mg|1000 mg|q12h|EF 55-60%|1:2
VB42C 5.1.3|Kerley B lines|Swan-Ganz catheter|Hodgkin lymphoma|Parkinson disease|Cushing syndrome|Charcot-Marie-Tooth
Wegener granulomatosis|Hampton hump|Westermark sign|Hill-Sachs|Bankart lesion|Baker cyst|Pott disease|Ghon complex
Hickman line|Colles fracture|Foley catheter|Morgagni hernia|Bochdalek hernia|Guillain-Barre syndrome
Budd-Chiari syndrome|Marfan syndrome|Crohn disease|Graves disease|Paget disease|Ewing sarcoma|Wilms tumor|Virchow node
Kaposi sarcoma|Raynaud|Dressler syndrome|foramen of Monro|Chilaiditi sign|Dandy-Walker|Cobb angle 25|Lisfranc injury
Salter-Harris II|Monteggia fracture|Bennett fracture|Towne view|Waters view|Caldwell view|Schmorl node
Scheuermann disease|Hounsfield units|Gleason 7|BI-RADS 4A|LI-RADS 5|Lung-RADS 2|T1 SAG|T2 AX|FLAIR COR|STIR|DWI|ADC
TR 4500|TE 90|512 x 512|1500/-600|May represent scar|Will follow up|Mark with arrow|sepsis|March fracture|December
Series 3|Image 45|2 views|4V|6-12 months|62 year old|pneumothorax|cardiomegaly|consolidation|atelectasis|effusion
hilar|costophrenic angle|ETT 4 cm above the carina|Port-a-Cath|Dobhoff tube|Bucky|Lordotic|Swimmer's view|Dunn view
Judet view|Stryker notch|Risser 3|FOV 350|B31f|1.25 mm|Follow up in 2 weeks|Emergency Department|胸部正位|胸部正侧位
床旁|后前位|腰椎L1-2|T12椎体|2.0x3.0cm|1.2cm×0.9cm|心胸比0.52|主动脉结|肋膈角|膈面|双肺纹理|肺结核|T1WI|T2WI|FLAIR
帕金森病|库欣综合征|霍奇金淋巴瘤|何杰金病|高血压|糖尿病5年|阑尾切除术|骨小梁|小叶间隔|小关节突|张力性气胸|张口位
马蹄肾|林格氏液|青霉素800万单位|阿司匹林100mg|WBC 12.5×10^9/L|射血分数55%|3个月后复查|术后第2天|第3-5肋|BI-RADS 3类
窗宽1500|管电压120kV|金属异物|石膏固定|白质缺血灶|黄韧带|硬膜囊|上级医院|我院急诊科|外院|62岁男性|连续扫描|常规扫描
平扫|全脊柱|左肩|左侧位|高密度影|白塞病|雷诺病|许莫氏结节|马凡综合征|长春新碱|江湖|安静状态|石棉肺|牛奶|钱币样|米粒样
空洞|柱状|汤剂|包膜|房间隔缺损|井喷|花斑样|云絮状|毛玻璃影|骨质疏松|容积效应|车祸外伤|成像|张力|腰椎MRI|颈椎DR
骨盆平片|胸椎正侧位|任何异常|应用造影剂|能够配合|温度36.5|黄疸|水肿|单发结节|方可检查|解剖变异|解放后|查体|查房|冷刀
宫颈|谷丙转氨酶|顾虑|老年性改变|老年男性|阳性体征|关节间隙|钟摆样|相关检查|路径|温和|成人|康复科|丁香酚|广东住血线虫
北京型结核菌|中山装|大同小异|主任医师|住院医师|值班医生|护士长|Looser zones|Gore-Tex graft|Greenfield filter
Thompson test|Ilizarov frame|Bosniak IIF|Schatzker II|Omnipaque 350|Br40|SID 180 cm|G1P0|Grid 8:1|Mirizzi syndrome
Caroli disease|Takayasu arteritis|Kawasaki disease|Ludwig angina|Boerhaave syndrome|Meckel diverticulum
Zenker diverticulum|Hirschsprung|Kienbock disease|Freiberg infraction|Sever disease|Perthes|Blount disease|Köhler
Jefferson fracture|Hangman fracture|Chance fracture|Le Fort II|Barton fracture|Rolando fracture|Segond fracture
Jones tube|Blalock-Taussig shunt|Fontan|Glenn shunt|Norwood|Mustard|Eisenmenger|Ebstein anomaly|Fallot|Kommerell
Luschka joint|Meyer dysplasia|Sudeck|Charcot joint|Fick angle|Blake pouch|Rathke cleft cyst|Tornwaldt cyst
Bartholin gland|Cowper|Gartner duct|McMurray test|Lachman test|Mills view|Zanca view|Rosenberg view|Harris view
Broden view|Danelius-Miller|Neer|Velpeau view|Haas|Schuller|Stenvers|Rhese|Quick scan|Turbo spin echo|HASTE|VIBE DIXON
Philips Ingenia|Siemens Skyra|GE Revolution|Canon Aquilion|Fuji FCR|Kodak DirectView|Carestream DRX|Shimadzu
ROUTINE ADULT CHEST|THORAX 1.0 B70F|AXIAL BONE|COR MPR|TOPOGRAM 0.6 T20f|Smart Prep|SURVIEW|PA ERECT GRID|LAT DECUB LT
APICAL LORDOTIC|RIBS UNILAT RT|颈动脉斑块|左房增大|冠状窦|齐头并进|骨巨细胞瘤|尺骨鹰嘴|桡骨远端|髌骨轴位|跟骨轴位
华氏位|柯氏位|汤氏位|瓦氏位|许氏位|斯氏位|穆氏位|劳氏位|克氏针内固定|柏金森叠加综合征|川崎病|高安动脉炎|马德隆畸形
法洛四联症|艾森曼格综合征|雷诺现象|桥本甲状腺炎|格林巴利综合征|贝克囊肿|腘窝囊肿|石骨症|成骨不全|白血病|白内障
方颅畸形|鲁氏菌|申克孢子丝菌|曲霉球|周围神经病|应激性溃疡|路径清晰|时相：动脉期|江氏|管状腺瘤|易激惹|钟形胸|车祸后3天
水肿期|安全带损伤|金标准|常染色体|盆腔MR|垂体动态增强|泌尿系CTU|胃肠造影|排粪造影|全身骨显像|下肢全长|乳腺钼靶
口服法造影|小肠CTE|肩关节Y位|米氏位|段间裂|叶间裂|程度较轻|任意体位|毛发样|Pancoast tumor|Felty syndrome|Still disease
Steinstrasse|Bird beak sign|Elastography F2|Susceptibility artifact|Retrocardiac|Eliquis 5 mg|C-arm|14 mGy
Barrett esophagus|Whipple procedure|Billroth II|Roux-en-Y|Nissen|Hartmann pouch|Courvoisier|Murphy sign|Rovsing
Spigelian hernia|Littre|Richter hernia|Erdheim-Chester|Langerhans|Rosai-Dorfman|Castleman disease|Löfgren|Caplan
Goodpasture|Churg-Strauss|Behcet|Sjogren|Reiter|Bechterew|Dupuytren|Ollier|Maffucci|Galen vein|Sylvian fissure
Willis circle|Adamkiewicz|Wernicke|Broca area|Meckel cave|Rolando|Monro|Magendie|Labbe|Trolard|Heschl gyrus|Rathke
Codman triangle|Bosworth|Danis-Weber B|Lauge-Hansen|Pipkin II|Garden III|Pauwels|Mason II|Rockwood III
Mayo classification|Frykman|Gustilo IIIa|Denis|Sagittal Recon|MIP THICK|DIXON OPP|BRAVO|CUBE T2|PROPELLER|mDIXON|SPAIR
eTHRIVE|B-TFE|SENSE|GRAPPA 2|Axial Lung 3 mm|Venous Phase|Delayed 5 min|Head First Prone|Free Breathing|Breath Hold
Dose Report|Patient Protocol|Screen Save|Key Image|Quality Control|Lung CAD|Bone Suppression|Scout AP|Test Bolus
碘131治疗|二甲双胍|多囊肾|屏气欠佳|微小结节|右髋关节|脑梗死|脂肪肝|钙化灶|随诊|孕39周|乳腺肿块|尿路造影|低剂量|伪影
右下腹压痛|支气管通畅|象限|施万细胞瘤|余氏囊|胡桃夹综合征|林奇综合征|杜氏肌营养不良|唐氏综合征|罗氏线|郭氏|沈氏骨折
汪氏|孙氏手术|张力带|马尾神经|牛眼征|龙骨|鱼椎|双轨征|史密斯骨折|科雷氏骨折|谢尔曼|康氏|柏油样便|米勒管|魏氏法|于氏
许莫氏|华勒氏变性|韩-薛-柯病|郎格罕|毕氏|葛氏|范可尼|戴维森|史蒂文斯|白细胞|陈旧性|陈旧灶|程序段|高频超声|万古霉素
方框征|段错误|左旋氧氟|熊去氧胆酸|石膏外固定|云翳|管型|钱币征|马赛克征|高千伏|金葡菌|易感者|项韧带|明胶海绵|古典型
严重者|余肺清
"""
"""Terms that no patient's text may lose, one between two bars."""

CLINICAL_SECOND: Final = """
Greulich and Pyle|DISI|PI-RADS 4|O-RADS 2|Sternotomy wires|Fleischner criteria|Light criteria|Wells score|Glasgow 15
Apgar 9|Ranson|Child-Pugh B|Forrest Ia|Hutchinson fracture|Essex-Lopresti|Bosniak|Haglund deformity|Morton neuroma
Mulder click|Freiberg|Panner disease|Little Leaguer elbow|Galeazzi|Kanavel|Takotsubo|Brugada|Wolff-Parkinson-White
Stanford A|DeBakey I|Crawford|Fontaine II|Rutherford 3|Leriche|May-Thurner|Nutcracker|Klippel-Trenaunay|Sturge-Weber
Chiari I|Blake pouch|Joubert|Fahr|Binswanger|Pick disease|Lewy body|Creutzfeldt-Jakob|Rasmussen|Susac|Tolosa-Hunt
Bell palsy|Ramsay Hunt|Meniere|Mondini|Curtis sign|Swyer-James|Scimitar|Kartagener|Hamman-Rich|Heerfordt|Rigler sign
Chilaiditi|Riedel lobe|Kerckring|Santorini|Wirsung|Vater|Oddi|Calot|Hesselbach|SAG T2 FRFSE|AX DWI b1000
LUNG NODULE FOLLOW UP|NECK SOFT TISSUE|TRAUMA PAN SCAN|AORTA RUNOFF|Coronary Calcium|Portal Venous|Arterial Phase
Bolus Track|Toshiba Aquilion|Agfa DX-D|Konica Regius|Hologic Selenia|Varian|Elekta|Mindray|United Imaging uCT 780
Neusoft|Samsung GC85A|Medtronic lead|Boston Scientific|骨龄约10岁|甘露醇|磨玻璃结节|海绵窦|延迟25秒|尿素氮|跖骨|纵隔窗
子宫前位|腔内修复|抗炎后复查|少量积液|椎间盘突出|动态扫描|流率|踝关节|盆腔|查科关节|柯尼希|洛夫格伦|安氏骨折
汤普森试验|程控|莫顿神经瘤|沙尔科|鲍恩病|祁氏|单纯疱疹|周期性|连枷胸|钱伯氏线|谷氨酰|权重|任意波|蒙太奇|管腔
卡波西肉瘤|佩吉特病|严重程度|欧氏管|唐氏筛查|施莫尔|马尔盖涅|伊文氏|史氏线|贺氏|路氏角|水杨酸|颜面部|胡萝卜素|姜黄素
葛根素|熊氏|范围较前|童年病史|房性早搏|车轮状|成簇钙化|强回声|元素分析|支气管扩张|田字格|阳性|毛刺征|古铜色|连续性
温水送服|云絮影|席汉|石棉|柳氮磺|花环|万托林|米非司酮|汤匙指
"""
"""More of them, written after the rules."""
