"""Digital X-Ray images For Presentation (PS3.3 A.26) of people who do not exist, as the bytes of a DICOM file.

Real archives hide names in odd places, and so do these: in prose, in nested sequences, in private elements, in what somebody
corrected.
"""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO
from typing import Any, Literal

import imagecodecs
import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.filewriter import dcmwrite
from pydicom.sequence import Sequence
from pydicom.uid import (
    UID,
    DigitalXRayImageStorageForPresentation,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from leadglass.testing.films.patients import WANG, Patient

_IMPLEMENTATION = UID("2.25.156832519071630744209518335164420917333")
_PRIVATE_CREATOR = "EXAMPLE IMAGING 2.1"
_VIEWS = {
    "PA": ("272479007", "SCT", "postero-anterior"),
    "AP": ("399348003", "SCT", "antero-posterior"),
    "LL": ("399173006", "SCT", "left lateral"),
}
"""CID 4010."""
_ORIENTATION = {"PA": ["L", "F"], "AP": ["L", "F"], "LL": ["P", "F"]}


def digital_x_ray(
    samples: NDArray[Any],
    patient: Patient,
    *,
    view: str,
    bits: int,
    photometric: str,
    transfer_syntax: str,
    pitch: float,
    sop_uid: str,
    number: int = 1,
) -> bytes:
    """A DICOM file of ``samples``: shape (rows, columns), or (frames, rows, columns), a last axis of 3 for colour.

    ``samples`` are stored values in a container type of 8 or 16 bits, signed or not, of which the low ``bits`` count.
    ``pitch`` is the Imager Pixel Spacing in millimetres, ``number`` the film's in its study.
    """
    dataset = Dataset()
    _identify(dataset, patient, view=view, sop_uid=sop_uid, number=number)
    _describe(dataset, view=view, pitch=pitch, photometric=photometric)
    _picture(dataset, samples, bits=bits, photometric=photometric, transfer_syntax=transfer_syntax)
    return _file(dataset, transfer_syntax)


def small_film(
    *,
    rows: int = 96,
    columns: int = 80,
    bits: int = 12,
    photometric: str = "MONOCHROME2",
    signed: bool = False,
    frames: int = 1,
    samples: int = 1,
    transfer_syntax: str = ExplicitVRLittleEndian,
    patient: Patient = WANG,
    sop_uid: str | None = None,
    seed: int = 0,
) -> bytes:
    """A small film for tests, made of nothing but ``seed``: two dark lungs in a grey chest, everything planted.

    With one frame and one sample it is a proper DX image; several of either are not DX, but what readers have to bear.
    """
    stored = small_samples(rows=rows, columns=columns, bits=bits, signed=signed, frames=frames, samples=samples, seed=seed)
    return digital_x_ray(
        stored,
        patient,
        view="PA",
        bits=bits,
        photometric=photometric,
        transfer_syntax=transfer_syntax,
        pitch=0.148,
        sop_uid=sop_uid or patient.uid("small film", str(seed)),
    )


def small_samples(
    *, rows: int, columns: int, bits: int, signed: bool = False, frames: int = 1, samples: int = 1, seed: int = 0
) -> NDArray[Any]:
    """The stored values of a ``small_film``, shape (frames, rows, columns, samples) without the axes that are 1 long."""
    random = np.random.default_rng(seed)
    y, x = np.ogrid[-1 : 1 : rows * 1j, -1 : 1 : columns * 1j]
    lungs = ((np.abs(x) - 0.42) / 0.33) ** 2 + (y / 0.7) ** 2 < 1
    grey = np.where(lungs, 0.25, 0.7) * np.clip(1.6 - 1.2 * np.abs(x), 0, 1)
    grey = grey[None, :, :, None] + random.normal(0, 0.02, (frames, rows, columns, samples))
    top = 2**bits - 1
    stored = np.rint(np.clip(grey, 0, 1) * top).astype(np.int64) - (2 ** (bits - 1) if signed else 0)
    container = np.dtype(f"{'i' if signed else 'u'}{1 if bits <= 8 else 2}")
    shape = tuple(n for n, kept in zip(stored.shape, (frames > 1, True, True, samples > 1), strict=True) if kept)
    small: NDArray[Any] = stored.astype(container).reshape(shape)
    return small


def small_outlines(*, rows: int, columns: int) -> Mapping[str, NDArray[np.bool_]]:
    """The lungs of a ``small_film`` and a heart between them, as a person would draw them; the shipped model says that two
    ellipses are no chest."""
    y, x = np.ogrid[-1 : 1 : rows * 1j, -1 : 1 : columns * 1j]
    lungs = ((np.abs(x) - 0.42) / 0.33) ** 2 + (y / 0.7) ** 2 < 1
    heart = ((x - 0.08) / 0.24) ** 2 + ((y - 0.3) / 0.3) ** 2 < 1
    return {"heart": heart, "lung_right": lungs & (x < 0), "lung_left": lungs & (x > 0)}


def _identify(dataset: Dataset, patient: Patient, *, view: str, sop_uid: str, number: int) -> None:
    """Everything that names the patient, the visit, the staff, the place and the machine."""
    d, p = dataset, patient
    d.SpecificCharacterSet = list(p.charset) if len(p.charset) > 1 else p.charset[0]
    d.SOPClassUID, d.SOPInstanceUID = DigitalXRayImageStorageForPresentation, sop_uid
    d.InstanceCreatorUID = p.uid("device")
    d.InstanceCreationDate = d.StudyDate = d.SeriesDate = d.AcquisitionDate = d.ContentDate = p.study_date
    d.InstanceCreationTime = d.StudyTime = d.SeriesTime = d.AcquisitionTime = d.ContentTime = p.study_time
    d.AcquisitionDateTime = p.study_date + p.study_time
    d.AccessionNumber, d.StudyID = p.accession, p.study_id
    d.Manufacturer, d.ManufacturerModelName, d.SoftwareVersions = "Example Imaging", "FlatPanel 4343", ["5.2.1", "DX-7"]
    d.InstitutionName, d.InstitutionAddress, d.InstitutionalDepartmentName = (
        p.institution,
        p.institution_address,
        p.department,
    )
    d.StationName, d.DeviceSerialNumber, d.DetectorID = p.station, p.device_serial, p.device_serial
    d.DateOfLastCalibration, d.TimeOfLastCalibration = p.study_date, "050000"
    d.ReferringPhysicianName = p.referrer
    d.ReferringPhysicianIdentificationSequence = Sequence([_person(p)])
    d.PhysiciansOfRecord, d.NameOfPhysiciansReadingStudy = p.referrer, p.performer
    d.PerformingPhysicianName, d.OperatorsName = p.performer, p.operator
    d.StudyDescription, d.SeriesDescription, d.ProtocolName = "Chest", f"Chest {view}", f"CHEST {view}"
    d.PatientName, d.PatientID, d.IssuerOfPatientID = p.name, p.patient_id, "EXAMPLE"
    d.OtherPatientIDsSequence = Sequence([_item(PatientID=p.national_id, TypeOfPatientID="TEXT", IssuerOfPatientID="STATE")])
    d.PatientBirthDate, d.PatientSex, d.PatientAge = (
        p.birth_date,
        p.sex,
        f"{int(p.study_date[:4]) - int(p.birth_date[:4]):03d}Y",
    )
    d.PatientAddress, d.PatientTelephoneNumbers, d.Occupation = p.address, p.phone, p.occupation
    d.AdditionalPatientHistory, d.PatientComments, d.ImageComments = p.history, p.comment, p.comment
    d.AdmissionID, d.CurrentPatientLocation = p.admission, p.department
    d.StudyInstanceUID, d.SeriesInstanceUID = p.uid("study"), p.uid("series", view)
    d.SeriesNumber, d.InstanceNumber, d.AcquisitionNumber = number, number, number
    d.FrameOfReferenceUID, d.PositionReferenceIndicator = p.uid("frame of reference"), ""
    d.ReferencedPerformedProcedureStepSequence = Sequence(
        [_item(ReferencedSOPClassUID="1.2.840.10008.3.1.2.3.3", ReferencedSOPInstanceUID=p.uid("procedure step"))]
    )
    d.PerformedProcedureStepStartDate, d.PerformedProcedureStepStartTime = p.study_date, p.study_time
    d.PerformedProcedureStepID, d.PerformedProcedureStepDescription = p.order_number, f"Chest {view}, {p.accession}"
    d.RequestAttributesSequence = Sequence([_request(p)])
    d.OriginalAttributesSequence = Sequence([_correction(p)])
    block = d.private_block(0x0021, _PRIVATE_CREATOR, create=True)
    block.add_new(0x01, "LO", p.order_number)
    block.add_new(0x02, "PN", p.name)
    block.add_new(0x03, "UT", f"{p.patient_id}|{p.accession}|{p.device_serial}")
    inner = _item(PatientID=p.patient_id)
    inner.private_block(0x0021, _PRIVATE_CREATOR, create=True).add_new(0x05, "LT", p.history)
    block.add_new(0x04, "SQ", Sequence([inner]))


def _person(patient: Patient) -> Dataset:
    return _item(
        PersonIdentificationCodeSequence=Sequence([_code(patient.station, "99EXAMPLE", patient.referrer.split("=")[0])]),
        PersonAddress=patient.institution_address,
        PersonTelephoneNumbers=patient.phone,
        InstitutionName=patient.institution,
    )


def _request(patient: Patient) -> Dataset:
    return _item(
        AccessionNumber=patient.accession,
        StudyInstanceUID=patient.uid("study"),
        RequestedProcedureDescription="Chest radiograph",
        ReasonForTheRequestedProcedure=patient.history[:20],
        RequestedProcedureID=patient.order_number,
        ScheduledProcedureStepID=patient.study_id,
        ScheduledProcedureStepDescription="Chest radiograph",
    )


def _correction(patient: Patient) -> Dataset:
    """What stood in the film before somebody put the right patient to it (PS3.3 C.12.1)."""
    return _item(
        SourceOfPreviousValues=patient.institution,
        AttributeModificationDateTime=patient.study_date + "235959",
        ModifyingSystem=patient.station,
        ReasonForTheAttributeModification="CORRECT",
        ModifiedAttributesSequence=Sequence(
            [_item(PatientName=patient.name, PatientID=patient.national_id, PatientBirthDate=patient.birth_date)]
        ),
    )


def _describe(dataset: Dataset, *, view: str, pitch: float, photometric: str) -> None:
    """How the film was taken: the attributes of the DX modules that name nobody (PS3.3 C.8.11)."""
    d = dataset
    d.ImageType = ["ORIGINAL", "PRIMARY", ""]
    d.Modality, d.PresentationIntentType = "DX", "FOR PRESENTATION"
    d.BodyPartExamined, d.ViewPosition, d.KVP = "CHEST", view, "120"
    d.ImageLaterality, d.PatientOrientation = "U", _ORIENTATION[view]
    d.DistanceSourceToDetector = "1000" if view == "AP" else "1800"
    d.ExposureTime, d.XRayTubeCurrent, d.Exposure = 8, 250, 2
    d.RelativeXRayExposure, d.Grid = 240, "FIXED"
    d.DetectorType, d.DetectorConfiguration, d.PositionerType = "SCINTILLATOR", "AREA", "COLUMN"
    d.ImagerPixelSpacing = [f"{pitch:.4g}", f"{pitch:.4g}"]
    d.AnatomicRegionSequence = Sequence([_code("51185008", "SCT", "Chest")])
    d.ViewCodeSequence = Sequence([_code(*_VIEWS[view])])
    d.BurnedInAnnotation, d.LossyImageCompression, d.QualityControlImage = "NO", "00", "NO"
    d.PixelIntensityRelationship = "LOG"
    d.PixelIntensityRelationshipSign = 1 if photometric == "MONOCHROME1" else -1
    d.AcquisitionContextSequence = Sequence([])


def _picture(dataset: Dataset, samples: NDArray[Any], *, bits: int, photometric: str, transfer_syntax: str) -> None:
    """The Image Pixel, VOI LUT and presentation attributes, and the pixels in the encoding of the transfer syntax."""
    d = dataset
    colour = samples.shape[-1] == 3 and samples.ndim > 2
    planes = samples.reshape(-1, *(samples.shape[-3:] if colour else samples.shape[-2:]))
    d.SamplesPerPixel, d.PhotometricInterpretation = 3 if colour else 1, photometric
    d.Rows, d.Columns = planes.shape[1:3]
    if colour:
        d.PlanarConfiguration = 0
    if len(planes) > 1:
        d.NumberOfFrames = len(planes)
    signed = samples.dtype.kind == "i"
    d.BitsAllocated, d.BitsStored, d.HighBit = samples.dtype.itemsize * 8, bits, bits - 1
    d.PixelRepresentation = int(signed)
    if not colour:
        d.WindowCenter, d.WindowWidth = str(0 if signed else 2 ** (bits - 1)), str(2**bits)
        d.RescaleIntercept, d.RescaleSlope, d.RescaleType = "0", "1", "US"
        d.PresentationLUTShape = "INVERSE" if photometric == "MONOCHROME1" else "IDENTITY"
    encode = _ENCODERS.get(UID(transfer_syntax))
    if encode is None:
        order: Literal["<", ">"] = ">" if transfer_syntax == ExplicitVRBigEndian else "<"
        native = planes.astype(planes.dtype.newbyteorder(order)).tobytes()
        d.add_new("PixelData", "OW" if samples.dtype.itemsize > 1 else "OB", native + b"\0" * (len(native) % 2))
    else:
        d.add_new("PixelData", "OB", encapsulate([encode(np.ascontiguousarray(plane), bits) for plane in planes]))
        d["PixelData"].is_undefined_length = True


def _file(dataset: Dataset, transfer_syntax: str) -> bytes:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = dataset.SOPClassUID, dataset.SOPInstanceUID
    meta.TransferSyntaxUID = UID(transfer_syntax)
    meta.ImplementationClassUID, meta.ImplementationVersionName = _IMPLEMENTATION, "EXAMPLE_FILM_1"
    out = BytesIO()
    dcmwrite(out, FileDataset(out, dataset, preamble=b"\0" * 128, file_meta=meta), enforce_file_format=True)
    return out.getvalue()


def _item(**attributes: Any) -> Dataset:
    item = Dataset()
    for keyword, value in attributes.items():
        setattr(item, keyword, value)
    return item


def _code(value: str, scheme: str, meaning: str) -> Dataset:
    return _item(CodeValue=value, CodingSchemeDesignator=scheme, CodeMeaning=meaning)


def _bit_pattern(plane: NDArray[Any], bits: int) -> NDArray[Any]:
    """The samples as unsigned numbers of ``bits``: JPEG and JPEG-LS know no sign (PS3.5 8.2)."""
    pattern: NDArray[Any] = plane.view(f"u{plane.dtype.itemsize}") & (2**bits - 1)
    return pattern


def _jpeg_lossless(plane: NDArray[Any], bits: int) -> bytes:
    return bytes(imagecodecs.jpeg8_encode(_bit_pattern(plane, bits), lossless=True, predictor=1, bitspersample=bits))


def _jpeg_ls(plane: NDArray[Any], bits: int) -> bytes:
    return bytes(imagecodecs.jpegls_encode(_bit_pattern(plane, bits), level=0))


def _jpeg_2000(plane: NDArray[Any], bits: int) -> bytes:
    return bytes(
        imagecodecs.jpeg2k_encode(plane, level=0, codecformat="j2k", reversible=True, bitspersample=bits, mct=False)
    )


def _rle(plane: NDArray[Any], bits: int) -> bytes:  # noqa: ARG001 - encoders have one shape
    """One RLE frame: a segment for each byte of each sample, the most significant first (PS3.5 G.3)."""
    octets = plane.astype(plane.dtype.newbyteorder(">")).view(np.uint8).reshape(*plane.shape[:2], -1)
    segments = []
    for byte in range(octets.shape[2]):
        packed = b"".join(imagecodecs.packbits_encode(row.tobytes()) for row in octets[:, :, byte])
        segments.append(packed + b"\0" * (len(packed) % 2))
    offsets = np.zeros(16, "<u4")
    offsets[0] = len(segments)
    offsets[1 : len(segments) + 1] = 64 + np.cumsum([0, *(len(segment) for segment in segments[:-1])])
    return offsets.tobytes() + b"".join(segments)


_ENCODERS = {
    JPEGLosslessSV1: _jpeg_lossless,
    JPEGLSLossless: _jpeg_ls,
    JPEG2000Lossless: _jpeg_2000,
    RLELossless: _rle,
}
