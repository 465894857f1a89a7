"""The states that make a batch of uploads one input prefix, before a job is started on it."""

from __future__ import annotations

from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks
from constructs import Construct

from entities_job import contracts

from .._payloads import INPUT, jsonata, payload, read
from .._storage import Storage
from .definition import Definition
from .states import repeat, where

# Ten functions of sixteen threads stay below the 3,500 writes a second that S3 takes under one prefix.
_CONCURRENT_SHARDS = 10


def stage_batch(
    scope: Construct,
    stage: lambda_.IFunction,
    *,
    storage: Storage,
    definition: Definition,
    unique_names: bool,
) -> sfn.Choice:
    """Return the machine's first state: a batch of uploads is staged, other inputs are inspected at once.

    With ``unique_names`` what they name is staged, too, after that.

    Args:
        scope: where the states are defined.
        stage: the function that copies one file of a batch's manifest.
        storage: where batches are staged, and refused uploads reported.
        definition: its first state gets the execution's input, ``publish_failure`` the ``Error`` of a staging that
            failed or has nothing to analyse.
        unique_names: whether documents of direct executions are staged.
    """
    inspect_input, publish_failure = definition.start, definition.publish_failure
    shards = _shards(scope, stage, storage)
    shards.add_catch(publish_failure, errors=["States.ALL"], result_path="$.Error")
    # Refused uploads are reported, and what another batch analyses needs no second report: a job has nothing to do.
    staged, refused, duplicates = (
        read(contracts.StageOutput, name, of=f"{INPUT}.Shards") for name in ("Staged", "Refused", "Duplicates")
    )
    nothing_at_all = (
        f"$sum([{refused}]) > 0 ? {{'Error': 'NothingToAnalyse', 'Cause': $sum([{refused}]) & ' of ' & "
        f"$sum([{refused}, {duplicates}]) & ' uploads were rejected, and no other is left'}} "
        ": {'Error': 'NothingNew', 'Cause': 'all uploads were analysed before'}"
    )
    error, cause = (f"{read(contracts.CaughtError, name, of=f'{INPUT}.Shards')}" for name in ("Error", "Cause"))
    nothing = f"$sum([{staged}]) = 0 and $sum([{refused}, {duplicates}]) > 0"
    after = sfn.Choice.jsonata(scope, "AnythingStaged")
    after.when(
        where(f"$exists({error})"),
        publish_failure,
        outputs=jsonata(f"{{'Error': {{'Error': [{error}][0], 'Cause': [{cause}][0]}}}}"),
    )
    if unique_names:
        after.when(where(f"$inspected and $not({nothing})"), definition.start_job)
        manifest = read(contracts.InspectInputOutput, "Manifest", of=INPUT)
        definition.inspected.when(where(f"$exists({manifest})"), shards, outputs={"Manifest": jsonata(manifest)})
    after.when(
        where(f"$not({nothing})"),
        inspect_input,
        outputs=jsonata("$states.context.Execution.Input"),
    ).when(where(nothing), publish_failure, outputs=jsonata(f"{{'Error': {nothing_at_all}}}"))
    shards.next(after)
    uri, staging = f"$string({read(contracts.JobRequest, 'InputDataConfig.S3Uri', of=INPUT)})", storage.staging
    batch = f"$substringBefore($substringAfter({uri}, 's3://{staging.bucket.bucket_name}/'), 'documents/')"
    return (
        sfn.Choice.jsonata(scope, "BatchOfUploads")
        .when(
            where(f"$substring({uri}, 0, $length('{staging.uri}')) = '{staging.uri}'"),
            shards,
            assign={"inspected": False} if unique_names else None,
            outputs={"Manifest": jsonata(f"{batch} & 'manifest/'")},
        )
        .otherwise(inspect_input)
    )


def _shards(scope: Construct, stage: lambda_.IFunction, storage: Storage) -> sfn.DistributedMap:
    bucket = storage.staging.bucket
    key = sfn.JsonPath.string_at("$$.Map.Item.Value.Key")
    shards = sfn.DistributedMap(
        scope,
        "StageBatch",
        item_reader=sfn.S3ObjectsItemReader(bucket=bucket, prefix=sfn.JsonPath.string_at("$.Manifest")),
        item_selector=payload(
            "StageShard",
            contracts.StageInput,
            {
                "Shard": sfn.JsonPath.format(f"s3://{bucket.bucket_name}/{{}}", key),
                "Execution": sfn.JsonPath.string_at("$$.Execution.Name"),
                "ClaimsUri": storage.claims.uri,
                "ResultsUri": storage.results.uri,
            },
        ),
        max_concurrency=_CONCURRENT_SHARDS,
        result_path="$.Shards",
    )
    task = tasks.LambdaInvoke(
        scope, "StageShard", lambda_function=stage, payload_response_only=True, retry_on_service_exceptions=False
    )
    # Every step of staging may be repeated, so that any trouble is worth another try.
    for state, attempts in ((task, 8), (shards, 2)):
        repeat(state, ["States.ALL"], attempts)
    # The map's own error would only say that one failed; a shard's error is its answer.
    task.add_catch(sfn.Pass(scope, "ShardFailed"), errors=["States.ALL"])
    shards.item_processor(task)
    return shards
