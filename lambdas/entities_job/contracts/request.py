"""A StartEntitiesDetectionJob request, and a job, as the API has them."""

from __future__ import annotations

from typing import NotRequired, TypedDict


class Tag(TypedDict):
    """A tag of a job."""

    Key: str
    Value: NotRequired[str]


class VpcConfig(TypedDict):
    """The network of a job's containers."""

    SecurityGroupIds: list[str]
    Subnets: list[str]


class DocumentReaderConfig(TypedDict):
    """The way in which text is read from PDF, Word and image documents."""

    DocumentReadAction: str
    DocumentReadMode: NotRequired[str]
    FeatureTypes: NotRequired[list[str]]


class InputDataConfig(TypedDict):
    """The location of the documents, and whether one is a file or a line. A construct's defaults have no ``S3Uri``."""

    S3Uri: NotRequired[str]
    InputFormat: NotRequired[str]
    DocumentReaderConfig: NotRequired[DocumentReaderConfig]


class OutputDataConfig(TypedDict):
    """The location of the service's output."""

    S3Uri: str
    KmsKeyId: NotRequired[str]


class JobRequest(TypedDict):
    """A StartEntitiesDetectionJob request."""

    LanguageCode: str
    DataAccessRoleArn: str
    InputDataConfig: InputDataConfig
    OutputDataConfig: OutputDataConfig
    ClientRequestToken: NotRequired[str]
    JobName: NotRequired[str]
    EntityRecognizerArn: NotRequired[str]
    FlywheelArn: NotRequired[str]
    VolumeKmsKeyId: NotRequired[str]
    VpcConfig: NotRequired[VpcConfig]
    Tags: NotRequired[list[Tag]]


class TriggerRequest(TypedDict, total=False):
    """Fields of an upload trigger's requests that differ from the workflow's defaults."""

    LanguageCode: str
    EntityRecognizerArn: str
    FlywheelArn: str


class Job(TypedDict, total=False):
    """A job as the service describes it (EntitiesDetectionJobProperties), its times as text."""

    JobId: str
    JobArn: str
    JobName: str
    JobStatus: str
    Message: str
    SubmitTime: str
    EndTime: str
    EntityRecognizerArn: str
    FlywheelArn: str
    InputDataConfig: InputDataConfig
    OutputDataConfig: OutputDataConfig
    LanguageCode: str
    DataAccessRoleArn: str
    VolumeKmsKeyId: str
    VpcConfig: VpcConfig
