"""maitred.orders.v1.CatalogTransferService."""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

import grpc
from maitred.orders.v1 import (
    catalog_transfer_pb2,
    catalog_transfer_service_pb2,
    catalog_transfer_service_pb2_grpc,
)

from services.chassis.data.idempotency import IdempotencyKeys
from services.chassis.data.ids import IdFactory, from_id
from services.chassis.data.pages import PageTokens, page_size
from services.chassis.rpc.call import current
from services.chassis.rpc.repeats import keyless, scope_of, tell_replayed
from services.chassis.rpc.server import ServicerBinding
from services.orders.transfers.convert import (
    MEDIA_TYPES,
    from_transfer,
    to_format,
    to_mode,
    transfer_not_found,
    transfer_not_ready,
)
from services.orders.transfers.store import TransferStore
from services.orders.transfers.transfer import Counts, Mode, State, Transfer, Wanted

Context = grpc.aio.ServicerContext[Any, Any]


class CatalogTransferService(catalog_transfer_service_pb2_grpc.CatalogTransferServiceServicer):
    """Takes orders for transfers; the worker carries them out."""

    def __init__(
        self,
        store: TransferStore,
        keys: IdempotencyKeys,
        ids: IdFactory,
        clock: Callable[[], datetime],
        tokens: PageTokens,
    ) -> None:
        self._store = store
        self._keys = keys
        self._ids = ids
        self._clock = clock
        self._tokens = tokens

    @property
    def binding(self) -> ServicerBinding:
        """How a server serves it."""
        return ServicerBinding(
            "maitred.orders.v1.CatalogTransferService",
            catalog_transfer_service_pb2_grpc.add_CatalogTransferServiceServicer_to_server,
            self,
        )

    async def ImportCatalog(
        self, request: catalog_transfer_service_pb2.ImportCatalogRequest, context: Context
    ) -> catalog_transfer_service_pb2.ImportCatalogResponse:
        wanted = Wanted(
            transfer_id=self._ids.new(),
            asked_by=current().principal.principal_id,
            is_import=True,
            format=to_format(request.format),
            mode=to_mode(request.mode),
            is_dry_run=request.dry_run,
            content=request.content,
            create_time=self._clock(),
        )
        body = await self._ask("ImportCatalog", request, wanted, context)
        return catalog_transfer_service_pb2.ImportCatalogResponse(
            transfer=catalog_transfer_pb2.CatalogTransfer.FromString(body)
        )

    async def ExportCatalog(
        self, request: catalog_transfer_service_pb2.ExportCatalogRequest, context: Context
    ) -> catalog_transfer_service_pb2.ExportCatalogResponse:
        wanted = Wanted(
            transfer_id=self._ids.new(),
            asked_by=current().principal.principal_id,
            is_import=False,
            format=to_format(request.format),
            mode=Mode.REPLACE,
            is_dry_run=False,
            content="",
            create_time=self._clock(),
        )
        body = await self._ask("ExportCatalog", request, wanted, context)
        return catalog_transfer_service_pb2.ExportCatalogResponse(
            transfer=catalog_transfer_pb2.CatalogTransfer.FromString(body)
        )

    async def GetCatalogTransfer(
        self, request: catalog_transfer_service_pb2.GetCatalogTransferRequest, context: Context
    ) -> catalog_transfer_service_pb2.GetCatalogTransferResponse:
        return catalog_transfer_service_pb2.GetCatalogTransferResponse(
            transfer=from_transfer(await self._get(request.transfer_id))
        )

    async def ListCatalogTransfers(
        self, request: catalog_transfer_service_pb2.ListCatalogTransfersRequest, context: Context
    ) -> catalog_transfer_service_pb2.ListCatalogTransfersResponse:
        arguments = {"list": "catalog_transfers"}
        position = self._tokens.decode(request.page_token, arguments)
        before = UUID(str(position[0])) if position else None
        size = page_size(request.page_size)
        await self._store.settle(current().principal.tenant_id, self._clock())
        found = await self._store.page(current().principal.tenant_id, before, size + 1)
        page = found[:size]
        last = [str(page[-1].transfer_id)] if len(found) > size else None
        return catalog_transfer_service_pb2.ListCatalogTransfersResponse(
            transfers=[from_transfer(transfer) for transfer in page],
            next_page_token=self._tokens.encode(last, arguments) if last else "",
        )

    async def GetCatalogTransferContent(
        self,
        request: catalog_transfer_service_pb2.GetCatalogTransferContentRequest,
        context: Context,
    ) -> catalog_transfer_service_pb2.GetCatalogTransferContentResponse:
        transfer = await self._get(request.transfer_id)
        if not transfer.is_import and transfer.state is not State.SUCCEEDED:
            raise transfer_not_ready(request.transfer_id, transfer.state)
        tenant_id = current().principal.tenant_id
        return catalog_transfer_service_pb2.GetCatalogTransferContentResponse(
            media_type=MEDIA_TYPES[transfer.format],
            content=await self._store.content(tenant_id, transfer.transfer_id),
        )

    async def _ask(self, rpc: str, request: Any, wanted: Wanted, context: Context) -> bytes:
        def make() -> tuple[Wanted, bytes]:
            return wanted, from_transfer(_begun(wanted)).SerializeToString()

        scope = scope_of(current().principal, rpc, request.request_id)
        answer = await self._store.ask(self._keys, scope, keyless(request), make)
        tell_replayed(context, answer)
        return answer.body

    async def _get(self, text: str) -> Transfer:
        tenant_id = current().principal.tenant_id
        await self._store.settle(tenant_id, self._clock())
        transfer = await self._store.get(tenant_id, from_id("trf", text))
        if transfer is None:
            raise transfer_not_found(text)
        return transfer


def _begun(wanted: Wanted) -> Transfer:
    return Transfer(
        transfer_id=wanted.transfer_id,
        asked_by=wanted.asked_by,
        is_import=wanted.is_import,
        format=wanted.format,
        mode=wanted.mode,
        is_dry_run=wanted.is_dry_run,
        state=State.WAITING,
        done=0,
        total=0,
        counts=Counts(),
        problems=(),
        create_time=wanted.create_time,
        end_time=None,
    )
