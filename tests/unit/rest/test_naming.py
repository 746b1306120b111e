"""Problems of a body that is one field of its request."""

from gateway.transcoding.naming import renamed
from services.chassis.rpc.errors import FieldProblem, invalid


def test_fields_are_named_as_the_body_has_them() -> None:
    failure = renamed(
        invalid(
            "INVALID_FIELD",
            "product.price must be at least 0; product.price_list is none; production stops",
            [
                FieldProblem("product.price", "must be at least 0"),
                FieldProblem("product.price_list", "is none"),
                FieldProblem("request_id", "is too long"),
                FieldProblem("product", "is no product"),
            ],
            field="product.price,product.price_list,request_id",
            product_id="product.price",
        ),
        "product",
    )
    assert failure.message == "price must be at least 0; price_list is none; production stops"
    assert [problem.field for problem in failure.fields] == [
        "price",
        "price_list",
        "request_id",
        "",
    ]
    assert failure.metadata == {
        "field": "price,price_list,request_id",
        "product_id": "product.price",
    }
