import os
from datetime import datetime

from celery import Celery
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError, OperationalError

from bench.peers.tutorial.database import SessionLocal
from bench.peers.tutorial.models import (
    Course,
    Customer,
    Enrollment,
    Notification,
    Transaction,
    TransactionLine,
    WebhookEvent,
)

celery = Celery("tutorial", broker=os.environ["BROKER_URL"])
celery.conf.update(
    task_acks_late=True,
    task_ignore_result=True,
    broker_connection_retry_on_startup=True,
)

retrying = {
    "autoretry_for": (OperationalError,),
    "retry_backoff": True,
    "max_retries": 5,
}


def get_or_create(session, model, defaults=None, **lookup):
    found = session.scalar(select(model).filter_by(**lookup))
    if found:
        return found, False
    created = model(**lookup, **(defaults or {}))
    try:
        with session.begin_nested():
            session.add(created)
        return created, True
    except IntegrityError:
        return session.scalars(select(model).filter_by(**lookup)).one(), False


@celery.task(name="record_event", **retrying)
def record_event(payload):
    with SessionLocal() as session:
        event, _ = get_or_create(
            session,
            WebhookEvent,
            event_id=payload["event_id"],
            defaults={"event_type": payload["event_type"], "payload": payload},
        )
        session.commit()
        if event.processed:
            return
        completed = None
        if event.event_type.startswith("customer."):
            record_customer(session, payload["data"])
        elif event.event_type.startswith("transaction."):
            transaction = record_transaction(session, payload["data"])
            if event.event_type == "transaction.completed":
                completed = transaction
        event.processed = True
        session.commit()
        if completed is not None:
            activate_enrollment.delay(completed.id)


def record_customer(session, data):
    customer, _ = get_or_create(session, Customer, paddle_id=data["id"])
    customer.email = data["email"]
    customer.name = data.get("name")


def record_transaction(session, data):
    customer = None
    if data["customer_id"]:
        customer, _ = get_or_create(session, Customer, paddle_id=data["customer_id"])
    updated_at = datetime.fromisoformat(data["updated_at"])
    fields = {
        "customer": customer,
        "status": data["status"],
        "currency": data["currency_code"],
        "total": int(data["details"]["totals"]["total"]),
        "updated_at": updated_at,
    }
    transaction, created = get_or_create(
        session, Transaction, paddle_id=data["id"], defaults=fields
    )
    if not created and updated_at >= transaction.updated_at:
        for name, value in fields.items():
            setattr(transaction, name, value)
    for item in data["details"]["line_items"]:
        line, _ = get_or_create(
            session,
            TransactionLine,
            paddle_id=item["id"],
            defaults={
                "transaction": transaction,
                "price_id": item["price_id"],
                "quantity": item["quantity"],
                "total": int(item["totals"]["total"]),
            },
        )
        line.quantity = item["quantity"]
        line.total = int(item["totals"]["total"])
    return transaction


@celery.task(name="activate_enrollment", **retrying)
def activate_enrollment(transaction_id):
    with SessionLocal() as session:
        transaction = session.get(Transaction, transaction_id)
        enrollments = []
        for line in transaction.lines:
            course = session.scalar(select(Course).filter_by(price_id=line.price_id))
            enrollment, _ = get_or_create(
                session,
                Enrollment,
                customer_id=transaction.customer_id,
                course_id=course.id,
                defaults={"status": "active"},
            )
            enrollment.status = "active"
            enrollments.append(enrollment)
        session.commit()
        for enrollment in enrollments:
            send_welcome.delay(enrollment.id)


@celery.task(name="send_welcome", **retrying)
def send_welcome(enrollment_id):
    with SessionLocal() as session:
        # Here the mail would go out; measured is what comes before it, as for ours.
        get_or_create(
            session, Notification, enrollment_id=enrollment_id, kind="welcome"
        )
        session.commit()
