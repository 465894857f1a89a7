"""Published results as tables and views of Amazon Athena; the views' SQL is in ``views/``, one file a view."""

from __future__ import annotations

import base64
import json
from pathlib import Path

# Athena and Glue by their whole names: CDK loads them where they are used first, and most workflows have no catalog.
import aws_cdk
from aws_cdk import Annotations, Names, Size, Stack
from aws_cdk import aws_iam as iam
from constructs import Construct

from .._storage import Storage
from ..rights.access import allow, same_account, together
from .tables import PARTITION, TABLES, VIEWS, trino_type

# Before any result; Athena looks into the folder of each day from here that a query does not exclude.
_FIRST_DAY = "2026-01-01"

_GUIDE = "Amazon Athena User Guide, "
_OPERATIONS = (
    "StartQueryExecution",
    "StopQueryExecution",
    "GetQueryExecution",
    "GetQueryResults",
    "GetQueryResultsStream",
    "GetWorkGroup",
)
_BUCKET = ("s3:GetBucketLocation", "s3:ListBucketMultipartUploads")
_PARTS = ("s3:AbortMultipartUpload", "s3:ListMultipartUploadParts")


class ResultsCatalog(Construct):
    """A Glue database over the published results, and an Athena workgroup to query it; see docs/queries.md.

    Partitions are projected, so that there is no crawler and a result can be queried as soon as it is published.

    Attributes:
        database_name (str): the Glue database: tables documents, refused, unparsed, summaries; views entities,
            top_entities, documents_by_entity, errors.
        work_group (athena.CfnWorkGroup): the Athena workgroup: encrypts answers of queries, and cancels queries that
            scan too much.

    Examples:
        >>> catalog = workflow.add_results_catalog()
        >>> output = cdk.CfnOutput(stack, "DatabaseName", value=catalog.database_name)
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, storage: Storage, bytes_scanned_cutoff_per_query: Size
    ) -> None:
        """Define the catalog over ``storage.results``; a query that scans more than the cutoff is ended."""
        super().__init__(scope, construct_id)
        self._results = storage.results
        # What queries answer may be as private as the results, and expires with the functions' own files.
        self._answers = storage.work.below("queries/")
        name = Names.unique_resource_name(self, max_length=100, separator="_", allowed_special_characters="_")
        self.database_name = name.lower()
        catalog_id = Stack.of(self).account
        about = "Results of entity-detection jobs"
        named = aws_cdk.aws_glue.CfnDatabase.DatabaseInputProperty(name=self.database_name, description=about)
        self._database = aws_cdk.aws_glue.CfnDatabase(self, "Database", catalog_id=catalog_id, database_input=named)
        for table, columns in TABLES.items():
            self._table(_table(table, columns, f"{self._results.uri}{table}/"))
        for view, columns in VIEWS.items():
            self._table(_view(view, columns, self.database_name))
        self.work_group = aws_cdk.aws_athena.CfnWorkGroup(
            self,
            "WorkGroup",
            name=name,
            description="Queries of entity-detection results",
            recursive_delete_option=True,
            work_group_configuration=aws_cdk.aws_athena.CfnWorkGroup.WorkGroupConfigurationProperty(
                enforce_work_group_configuration=True,
                publish_cloud_watch_metrics_enabled=True,
                bytes_scanned_cutoff_per_query=bytes_scanned_cutoff_per_query.to_bytes(),
                result_configuration=aws_cdk.aws_athena.CfnWorkGroup.ResultConfigurationProperty(
                    output_location=self._answers.uri,
                    encryption_configuration=aws_cdk.aws_athena.CfnWorkGroup.EncryptionConfigurationProperty(
                        encryption_option="SSE_KMS", kms_key=storage.output_key.key_arn
                    ),
                ),
            ),
        )

    def _table(self, given: aws_cdk.aws_glue.CfnTable.TableInputProperty) -> None:
        construct_id = "".join(map(str.capitalize, str(given.name).split("_")))
        # By reference, so that the database is made first.
        database = self._database.ref
        aws_cdk.aws_glue.CfnTable(
            self, construct_id, catalog_id=self._database.catalog_id, database_name=database, table_input=given
        )

    def grant_query(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let a principal of this account query the results in this workgroup, read them, and read its answers.

        Args:
            grantee: the principal.

        Examples:
            >>> grant = workflow.add_results_catalog().grant_query(role)
        """
        stack, answers = Stack.of(self), self._answers
        work_group = stack.format_arn(service="athena", resource="workgroup", resource_name=self.work_group.name)
        catalog = [
            stack.format_arn(service="glue", resource="catalog"),
            stack.format_arn(service="glue", resource="database", resource_name=self.database_name),
            stack.format_arn(service="glue", resource="table", resource_name=f"{self.database_name}/*"),
        ]
        objects, bucket = [answers.bucket.arn_for_objects(f"{answers.path}*")], answers.bucket
        s3_guide = f"{_GUIDE}s3-permissions"
        group_guide, glue_guide = (
            f"{_GUIDE}example-policies-workgroup",
            f"{_GUIDE}fine-grained-access-to-glue-resources",
        )
        grants = [
            *(allow(grantee, f"athena:{name}", on=[work_group], source=group_guide) for name in _OPERATIONS),
            *(
                allow(grantee, f"glue:Get{of}", on=catalog, wildcard="catalog-tables", source=glue_guide)
                for of in ("Database", "Table", "Tables")
            ),
            allow(grantee, *_BUCKET, on=[bucket.bucket_arn], owner=bucket, source=s3_guide),
            allow(grantee, *_PARTS, on=objects, owner=bucket, wildcard="query-answers", source=s3_guide),
            *(grant(grantee) for each in (self._results, answers) for grant in (each.grant_list, each.grant_read)),
        ]
        made = together(answers.grant_write(grantee), *grants)
        # CDK says of an imported role of another account that its policies were changed.
        if not same_account(grantee, stack.account):
            made = iam.Grant.drop(grantee, "of another account")
        if not made.success:
            text = (
                "grant_query gave no permissions: the grantee is not a role or user of this account with policies that "
                "CDK can change, and a workgroup has no resource policy; let the grantee assume a role of this account"
            )
            Annotations.of(self).add_warning_v2("cdk-comprehend-entities:query", text)
        return made


def _columns(columns: dict[str, str]) -> list[aws_cdk.aws_glue.CfnTable.ColumnProperty]:
    return [aws_cdk.aws_glue.CfnTable.ColumnProperty(name=name, type=kind) for name, kind in columns.items()]


def _table(name: str, columns: dict[str, str], location: str) -> aws_cdk.aws_glue.CfnTable.TableInputProperty:
    """Return a table whose partitions, one a day, Athena works out by itself."""
    return aws_cdk.aws_glue.CfnTable.TableInputProperty(
        name=name,
        table_type="EXTERNAL_TABLE",
        partition_keys=_columns({PARTITION: "string"}),
        parameters={
            "classification": "json",
            "projection.enabled": "true",
            f"projection.{PARTITION}.type": "date",
            f"projection.{PARTITION}.range": f"{_FIRST_DAY},NOW",
            f"projection.{PARTITION}.format": "yyyy-MM-dd",
            "storage.location.template": f"{location}{PARTITION}=${{{PARTITION}}}/",
        },
        storage_descriptor=aws_cdk.aws_glue.CfnTable.StorageDescriptorProperty(
            columns=_columns(columns),
            location=location,
            input_format="org.apache.hadoop.mapred.TextInputFormat",
            output_format="org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat",
            serde_info=aws_cdk.aws_glue.CfnTable.SerdeInfoProperty(
                serialization_library="org.openx.data.jsonserde.JsonSerDe"
            ),
        ),
    )


def _view(name: str, columns: dict[str, str], database: str) -> aws_cdk.aws_glue.CfnTable.TableInputProperty:
    """Return a view as Athena itself stores it (source: Trino's ViewReaderUtil); CloudFormation has no other way."""
    definition = {
        "originalSql": (Path(__file__).parent / "views" / f"{name}.sql").read_text(encoding="utf-8"),
        "catalog": "awsdatacatalog",
        "schema": database,
        "columns": [{"name": column, "type": trino_type(kind)} for column, kind in columns.items()],
    }
    encoded = base64.b64encode(json.dumps(definition).encode()).decode()
    return aws_cdk.aws_glue.CfnTable.TableInputProperty(
        name=name,
        table_type="VIRTUAL_VIEW",
        parameters={"presto_view": "true", "comment": "Presto View"},
        partition_keys=[],
        view_original_text=f"/* Presto View: {encoded} */",
        view_expanded_text="/* Presto View */",
        storage_descriptor=aws_cdk.aws_glue.CfnTable.StorageDescriptorProperty(
            columns=_columns(columns), serde_info=aws_cdk.aws_glue.CfnTable.SerdeInfoProperty()
        ),
    )
